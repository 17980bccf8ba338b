"""Certificates for tests, as PEM files."""

import trustme


class CertificateFiles:
    """Two authorities, a server certificate and a client certificate."""

    def __init__(self, folder):
        authority, other = trustme.CA(), trustme.CA()
        self.folder = folder
        self.ca = self.write("ca.pem", authority.cert_pem)
        self.other_ca = self.write("other.pem", other.cert_pem)
        server = authority.issue_cert("127.0.0.1")
        self.server = self.write("server.pem", server.private_key_and_cert_chain_pem)
        client = authority.issue_cert("client@pipeline.test")
        self.client = self.write("client.pem", client.private_key_and_cert_chain_pem)
        self.chain = self.write("chain.pem", client.cert_chain_pems[0])
        self.key = self.write("key.pem", client.private_key_pem)

    def write(self, name, blob):
        path = self.folder / name
        blob.write_to_path(str(path))
        return str(path)
