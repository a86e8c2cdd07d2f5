"""Mutual TLS between the proxies of the path: an authority of the run, a certificate for each, and how Envoy and a caller use them.

Names stand in the certificates as DNS names, where Istio has SPIFFE ids: the comparison costs the same.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from tests.clusters.edge_proxies import HOST, Settings, Sockets
from tidegate.embedded.identity import certificates

EDGE, LOCAL, SIDECAR = "edge.istio-ingress", "knative-local.istio-ingress", "scorer.tenant-fraud"
_TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"


class Mesh:
    """The certificates of one run, as files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        signer = certificates.authority("mesh")
        certificates.write_secret(folder / "authority.pem", signer.certificate_pem)
        for name in (EDGE, LOCAL, SIDECAR, HOST):
            pair = certificates.issue(signer, name, hosts=[name])
            certificates.write_secret(folder / f"{name}.pem", pair.certificate_pem)
            certificates.write_secret(folder / f"{name}.key", pair.key_pem)

    @property
    def gateways(self) -> Sockets:
        """Of the edge and the local gateway: TLS for callers, mutual TLS behind."""
        return Sockets(
            edge=self._listening(HOST, alpn=("h2", "http/1.1")), local=self.listening(LOCAL),
            to_local=self._calling(EDGE, LOCAL), to_server=self._calling(LOCAL, SIDECAR),
        )  # fmt: skip

    def listening(self, name: str) -> Settings:
        """A listener that believes certificates of the run only."""
        return self._listening(name, alpn=("h2", "http/1.1"), validation_context=self._authority(), require=True)

    def caller_of_edge(self) -> ssl.SSLContext:
        """A caller outside, which has no certificate."""
        return ssl.create_default_context(cafile=str(self._folder / "authority.pem"))

    def caller_in_mesh(self, name: str = LOCAL) -> ssl.SSLContext:
        """A caller with a certificate of the mesh, by default in the local gateway's place."""
        context = ssl.create_default_context(cafile=str(self._folder / "authority.pem"))
        context.load_cert_chain(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        return context

    def _listening(self, name: str, *, alpn: tuple[str, ...], require: bool = False, **validated: object) -> Settings:
        common = {"tls_certificates": [self._certificate(name)], "alpn_protocols": list(alpn), **validated}
        config = {"@type": f"{_TLS}.DownstreamTlsContext", "common_tls_context": common, "require_client_certificate": require}
        return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": config}}

    def _calling(self, name: str, whom: str) -> Settings:
        expected = [{"san_type": "DNS", "matcher": {"exact": whom}}]
        common = {
            "tls_certificates": [self._certificate(name)],
            "validation_context": {**self._authority(), "match_typed_subject_alt_names": expected},
        }
        config = {"@type": f"{_TLS}.UpstreamTlsContext", "common_tls_context": common, "sni": whom}
        return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": config}}

    def _certificate(self, name: str) -> dict[str, object]:
        return {
            "certificate_chain": {"filename": str(self._folder / f"{name}.pem")},
            "private_key": {"filename": str(self._folder / f"{name}.key")},
        }

    def _authority(self) -> dict[str, object]:
        return {"trusted_ca": {"filename": str(self._folder / "authority.pem")}}
