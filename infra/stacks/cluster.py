"""The EKS cluster: control plane, administrators, add-ons and the small node group of the platform's own pods.

Here: what Kubernetes needs to start. Not here: GPU nodes (Karpenter brings them; its rights are in `accelerators`),
tenants' identities (`identity`), anything inside the cluster (`bootstrap` installs Argo CD, which owns the rest).
Decision 0005: one small managed group for the system, NodePools for the rest.
"""

from __future__ import annotations

from infra.constructs.key import add_key
from infra.constructs.log_group import add_log_group
from infra.constructs.policy import Statement, pod_trust, policy, service_trust
from infra.constructs.role import add_role
from infra.constructs.stack import Resource, Stack, Value
from infra.outputs import ClusterOutputs, NetworkOutputs
from tidegate.facts import names

CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
"""All there are."""

ADDONS_BEFORE_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
"""DaemonSets without which a node never becomes Ready. Versions are the default of the cluster's Kubernetes version."""

ADDONS_AFTER_NODES = ("coredns", "aws-ebs-csi-driver")
"""Deployments; they wait for a node. Both tolerate CriticalAddonsOnly as AWS ships them."""

NODE_VOLUME_GIB = 80
"""Images of the platform's add-ons take about 30 GiB."""


def build(stack: Stack) -> None:
    """Adds the cluster, its nodes and who may enter."""
    network = stack.read(NetworkOutputs)
    cluster = _add_cluster(stack, network)
    _add_administrators(stack, cluster)
    early = [_add_addon(stack, cluster, name) for name in ADDONS_BEFORE_NODES]
    nodes = _add_system_nodes(stack, cluster, network, early)
    for name in ADDONS_AFTER_NODES:
        _add_addon(stack, cluster, name, nodes)
    oidc = stack.add(
        "aws_iam_openid_connect_provider", "cluster",
        url=cluster["identity[0].oidc[0].issuer"], client_id_list=["sts.amazonaws.com"], tags={"Name": stack.cluster.name},
    )  # fmt: skip
    # Here and not beside Vault's role: who may use it changes with tenants, the key outlives them all.
    unseal = add_key(stack, "vault-unseal", "Vault's unsealing after a restart, without which somebody must be woken up")
    stack.publish(ClusterOutputs(
        cluster_name=cluster["name"], cluster_arn=cluster["arn"], endpoint=cluster["endpoint"],
        certificate_authority=cluster["certificate_authority[0].data"],
        security_group_id=cluster["vpc_config[0].cluster_security_group_id"], oidc_provider_arn=oidc["arn"], vault_unseal_key_arn=unseal["arn"],
    ))  # fmt: skip


def _add_cluster(stack: Stack, network: NetworkOutputs) -> Resource:
    facts = stack.cluster
    role = add_role(
        stack, "control-plane", role_name=f"{facts.name}-control-plane",
        trust=service_trust("eks.amazonaws.com", {"StringEquals": {"aws:SourceAccount": facts.account_id}}),
        aws_managed=["AmazonEKSClusterPolicy"],
    )  # fmt: skip
    key = add_key(stack, "secrets", "Kubernetes Secrets in etcd")
    use_key = Statement("UseSecretsKey", ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey", "kms:CreateGrant"], [key["arn"]])
    may_use_key = stack.add(
        "aws_iam_role_policy", "control-plane-secrets", name="secrets-key", role=role["id"], policy=policy(use_key),
    )  # fmt: skip
    logs = add_log_group(stack, "control-plane", log_group_name=f"/aws/eks/{facts.name}/cluster", key_arn=network.log_key_arn)
    return stack.add(
        "aws_eks_cluster", "main",
        name=facts.name,
        version=facts.kubernetes_version,
        role_arn=role["arn"],
        vpc_config=[{
            "subnet_ids": network.private_subnet_ids,
            "endpoint_private_access": True,
            "endpoint_public_access": facts.endpoint.public,
            **({"public_access_cidrs": list(facts.endpoint.allowed_cidrs)} if facts.endpoint.public else {}),
        }],
        encryption_config=[{"provider": [{"key_arn": key["arn"]}], "resources": ["secrets"]}],
        enabled_cluster_log_types=list(CONTROL_PLANE_LOGS),
        access_config=[{"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False}],
        # Otherwise EKS installs its own copies of what the add-ons below manage.
        bootstrap_self_managed_addons=False,
        lifecycle=stack.keep(),
        # The log group first, or EKS makes one without key and end.
        depends_on=[logs, may_use_key, Resource("aws_iam_role_policy_attachment.control-plane-AmazonEKSClusterPolicy")],
    )  # fmt: skip


def _add_administrators(stack: Stack, cluster: Resource) -> None:
    """An access entry for each administrator of the inventory; nobody else enters, the creator included."""
    for arn in stack.cluster.administrators:
        name = arn.rsplit("/", 1)[-1].lower()
        entry = stack.add("aws_eks_access_entry", name, cluster_name=cluster["name"], principal_arn=arn, type="STANDARD")
        stack.add(
            "aws_eks_access_policy_association", name,
            cluster_name=cluster["name"], principal_arn=arn,
            policy_arn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            access_scope=[{"type": "cluster"}], depends_on=[entry],
        )  # fmt: skip


def _add_addon(stack: Stack, cluster: Resource, addon: str, *after: Resource) -> Resource:
    service_accounts = {
        "vpc-cni": ("aws-node", "AmazonEKS_CNI_Policy"),
        "aws-ebs-csi-driver": ("ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
    }
    identity: Value = None
    if addon in service_accounts:
        service_account, managed = service_accounts[addon]
        role = add_role(
            stack, addon, role_name=f"{stack.cluster.name}-{addon}",
            trust=pod_trust(stack.cluster, names.NAMESPACE_KUBERNETES, service_account), aws_managed=[managed],
        )  # fmt: skip
        identity = [{"role_arn": role["arn"], "service_account": service_account}]
    return stack.add(
        "aws_eks_addon", addon,
        cluster_name=cluster["name"], addon_name=addon, pod_identity_association=identity,
        resolve_conflicts_on_create="OVERWRITE", resolve_conflicts_on_update="OVERWRITE", depends_on=after,
    )  # fmt: skip


def _add_system_nodes(stack: Stack, cluster: Resource, network: NetworkOutputs, addons: list[Resource]) -> Resource:
    facts = stack.cluster
    managed = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]
    role = add_role(
        stack, "system-node", role_name=f"{facts.name}-system-node", trust=service_trust("ec2.amazonaws.com"), aws_managed=managed
    )
    tags = {"Name": f"{facts.name}-system"}
    template = stack.add(
        "aws_launch_template", "system",
        name=f"{facts.name}-system",
        tags={"Name": f"{facts.name}-system"},
        update_default_version=True,
        # Hop limit 1: pods cannot reach the node's credentials; theirs come from Pod Identity.
        metadata_options=[{"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1}],
        block_device_mappings=[{
            "device_name": "/dev/xvda",
            "ebs": [{"volume_type": "gp3", "volume_size": NODE_VOLUME_GIB, "encrypted": "true", "delete_on_termination": "true"}],
        }],
        monitoring=[{"enabled": True}],
        tag_specifications=[{"resource_type": kind, "tags": tags} for kind in ("instance", "volume")],
    )  # fmt: skip
    pool = facts.system_pool
    return stack.add(
        "aws_eks_node_group", "system",
        cluster_name=cluster["name"],
        node_group_name="system",
        node_role_arn=role["arn"],
        subnet_ids=network.private_subnet_ids,
        ami_type="AL2023_x86_64_STANDARD",
        capacity_type="ON_DEMAND",
        instance_types=list(pool.instance_types),
        scaling_config=[{"min_size": pool.min_nodes, "desired_size": pool.min_nodes, "max_size": pool.max_nodes}],
        update_config=[{"max_unavailable": 1}],
        taint=[{"key": "CriticalAddonsOnly", "value": "true", "effect": "NO_SCHEDULE"}],
        labels={names.LABEL_NODE_POOL: "system"},
        launch_template=[{"id": template["id"], "version": template["latest_version"]}],
        # People and autoscalers move it between the bounds.
        lifecycle={"ignore_changes": ["scaling_config[0].desired_size"]},
        depends_on=[*addons, *(Resource(f"aws_iam_role_policy_attachment.system-node-{name}") for name in managed)],
    )  # fmt: skip
