"""Terraform's state in S3: the bucket, the objects, their lock files, and our own record of each finished apply.

The record is an object beside the state, `<cluster>/<stack>.record.json`. It says which input the last successful apply
had, and which state it left. With it we can tell three things that state alone cannot: that nothing needs doing, that the
state object was lost, and that somebody put an older one in its place.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, ValidationError

from tidegate.cloud.account import Account, RegionClients
from tidegate.errors import StateError
from tidegate.facts import cloud_names
from tidegate.facts.platform import Platform


class ApplyRecord(BaseModel):
    """What the last successful apply of a stack left."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_sha256: str
    lineage: str
    serial: int
    resources: int


class Marker(BaseModel):
    """Says that an apply began and has not ended well: which process of which host ran it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    pid: int
    start_ticks: int


class Instance(BaseModel):
    """One resource in state: where it stands in the configuration, its type and its attributes as the provider wrote them."""

    model_config = ConfigDict(frozen=True)

    address: str
    type: str
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """One state object, as far as we read it."""

    lineage: str
    serial: int
    outputs: dict[str, object]
    instances: tuple[Instance, ...]

    @property
    def outputs_sha256(self) -> str:
        """Changes when, and only when, an output does."""
        return hashlib.sha256(json.dumps(self.outputs, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class StateLock:
    """Who holds a stack's state: Terraform's lock id, `user@host`, and when it began (as Terraform wrote it)."""

    id: str
    who: str
    operation: str
    created: str


class StateStore:
    """The state bucket of one cluster."""

    def __init__(self, clients: RegionClients, bucket: str, cluster: str) -> None:
        self.clients = clients
        self.bucket = bucket
        self.cluster = cluster

    def ensure_bucket(self) -> bool:
        """Creates the bucket, versioned from its first object on; False when it is there. The `state` stack adopts it."""
        if self.has_bucket():
            return False
        s3 = self.clients.s3
        s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": self.clients.region})  # pyright: ignore[reportArgumentType] - the stub lists regions, ours is text
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        return True

    def has_bucket(self) -> bool:
        """Whether the bucket exists and is ours to read."""
        try:
            self.clients.s3.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"404", "NoSuchBucket"}:
                return False
            raise StateError(
                f"cannot look at state bucket {self.bucket}: {error}; check the credentials and the bucket's policy"
            ) from error
        return True

    def state_key(self, stack: str) -> str:
        """The object Terraform keeps `stack` in (`infra` writes the same into the backend; a test compares)."""
        return f"{self.cluster}/{stack}.tfstate"

    def read_state(self, stack: str) -> State | None:
        """The state of `stack`; None when there is no object. Raises `StateError` when there is one and it is not state."""
        body = self.read_state_bytes(stack)
        if body is None:
            return None
        try:
            document = json.loads(body)
            return _parse(document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(
                f"s3://{self.bucket}/{self.state_key(stack)} is not a Terraform state ({len(body)} bytes); "
                f"put the last good version back with `tidegate cloud restore-state {self.cluster}-{stack}`"
            ) from error

    def read_state_bytes(self, stack: str) -> bytes | None:
        """The state object as it is, to be kept elsewhere."""
        return self._get(self.state_key(stack))

    def read_record(self, stack: str) -> ApplyRecord | None:
        """The record of the last successful apply; None when there is none or it is unreadable (then we only work more)."""
        body = self._get(self._record_key(stack))
        try:
            return ApplyRecord.model_validate_json(body) if body else None
        except ValidationError:
            return None

    def write_record(self, stack: str, record: ApplyRecord) -> None:
        """Remembers a successful apply."""
        self.clients.s3.put_object(Bucket=self.bucket, Key=self._record_key(stack), Body=record.model_dump_json().encode())

    def read_marker(self, stack: str) -> Marker | None:
        """The marker of an apply that began and did not end well."""
        body = self._get(self._marker_key(stack))
        try:
            return Marker.model_validate_json(body) if body else None
        except ValidationError:
            return Marker(host="unreadable", pid=0, start_ticks=0)

    def write_marker(self, stack: str, marker: Marker) -> None:
        """Remembers that an apply begins."""
        self.clients.s3.put_object(Bucket=self.bucket, Key=self._marker_key(stack), Body=marker.model_dump_json().encode())

    def remove_marker(self, stack: str) -> None:
        """The apply ended well."""
        self.clients.s3.delete_object(Bucket=self.bucket, Key=self._marker_key(stack))

    def read_lock(self, stack: str) -> StateLock | None:
        """Who holds the state now."""
        body = self._get(f"{self.state_key(stack)}.tflock")
        if body is None:
            return None
        try:
            info = json.loads(body)
            return StateLock(str(info["ID"]), str(info["Who"]), str(info["Operation"]), str(info["Created"]))
        except (ValueError, KeyError, TypeError):
            return StateLock("unreadable", "unknown", "unknown", "unknown")

    def remove_lock(self, stack: str, lock: StateLock) -> None:
        """Frees the state if `lock` still holds it. What `terraform force-unlock` does, without starting a provider."""
        if self.read_lock(stack) == lock:
            self.clients.s3.delete_object(Bucket=self.bucket, Key=f"{self.state_key(stack)}.tflock")

    def restore_state(self, stack: str) -> str:
        """Puts the newest earlier version of the state object back and returns its version id."""
        key = self.state_key(stack)
        listed = self.clients.s3.list_object_versions(Bucket=self.bucket, Prefix=key)
        current = {marker.get("VersionId") for marker in listed.get("DeleteMarkers", []) if marker.get("IsLatest")}
        for version in listed.get("Versions", []):
            if version.get("Key") != key or (version.get("IsLatest") and not current):
                continue
            version_id = version.get("VersionId", "")
            body = self.clients.s3.get_object(Bucket=self.bucket, Key=key, VersionId=version_id)["Body"].read()
            try:
                _parse(json.loads(body))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            self.clients.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
            return version_id
        raise StateError(f"s3://{self.bucket}/{key} has no earlier version that is a state; import the resources by hand")

    def purge(self) -> None:
        """Deletes every version of every object: the last step before the bucket itself goes."""
        paginator = self.clients.s3.get_paginator("list_object_versions")
        for page in paginator.paginate(Bucket=self.bucket):
            for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                self.clients.s3.delete_object(Bucket=self.bucket, Key=entry.get("Key", ""), VersionId=entry.get("VersionId", ""))

    def _record_key(self, stack: str) -> str:
        return f"{self.cluster}/{stack}.record.json"

    def _marker_key(self, stack: str) -> str:
        return f"{self.cluster}/{stack}.running.json"

    def _get(self, key: str) -> bytes | None:
        try:
            return self.clients.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404", "NoSuchBucket"}:
                return None
            raise StateError(f"cannot read s3://{self.bucket}/{key}: {error}") from error


def _parse(document: Any) -> State:  # noqa: ANN401 - JSON as Terraform wrote it; typed from here on
    instances = tuple(
        Instance(address=_address(resource, instance), type=resource["type"], attributes=instance["attributes"])
        for resource in document["resources"]
        if resource["mode"] == "managed"
        for instance in resource["instances"]
    )
    outputs = {name: output["value"] for name, output in document["outputs"].items()}
    return State(str(document["lineage"]), int(document["serial"]), outputs, instances)


def _address(resource: Any, instance: Any) -> str:  # noqa: ANN401 - as above
    index = f"[{json.dumps(instance['index_key'])}]" if "index_key" in instance else ""
    return f"{resource['type']}.{resource['name']}{index}"


def stores(platform: Platform, account: Account) -> dict[str, StateStore]:
    """The state store of every cluster, by cluster."""
    return {
        name: StateStore(account.in_region(facts.region), cloud_names.state_bucket(name, facts.account_id), name)
        for name, facts in platform.clusters.items()
    }
