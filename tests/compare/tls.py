"""One certificate for all servers with TLS: P-256, the most common type on the web."""

import shutil

from child import Failed, run_tool

SUBJECT = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]


class Certificate:
    def __init__(self, folder):
        self.folder = folder
        self.certificate = folder / "certificate.pem"
        self.key = folder / "key.pem"

    def make(self):
        """Creates the PEM files, the key as PKCS #8, unless they exist."""
        if self.certificate.exists() and self.key.exists():
            return
        if shutil.which("openssl") is None:
            raise Failed("openssl is not installed; it is needed to create the certificate")
        self.folder.mkdir(parents=True, exist_ok=True)
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        files = ["-keyout", self.key, "-out", self.certificate]
        run_tool("making a certificate", ["openssl", "req", "-x509", *kind, *SUBJECT, *files])
