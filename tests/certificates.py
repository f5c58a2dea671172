"""Certificates for the TLS tests."""

import pytest
import trustme

from tests.mosquitto import readable_directory


def issue(directory):
    """PEM files of one authority, a server on 127.0.0.1 and a client, by their names."""
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    client = authority.issue_cert("bridge@minerbridge.test")
    blobs = {
        "ca": authority.cert_pem,
        "certificate": server.cert_chain_pems[0],
        "key": server.private_key_pem,
        "client_certificate": client.cert_chain_pems[0],
        "client_key": client.private_key_pem,
    }
    for name, blob in blobs.items():
        blob.write_to_path(directory / f"{name}.pem")
    return {name: directory / f"{name}.pem" for name in blobs}


@pytest.fixture(scope="session")
def certificates():
    with readable_directory() as directory:
        yield issue(directory)
