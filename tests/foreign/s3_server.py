"""A real S3 server (MinIO) on a loopback port, for the checks of the store.

The program is named by MINIO. As a program: `s3_server.py COMMAND…` runs a
command with WEIR_TEST_STORE (s3://BUCKET) and the AWS_ variables set.
"""

import contextlib
import datetime
import hashlib
import hmac
import os
import secrets
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import pair

BUCKET = "weir-tests"
REGION = "us-east-1"


def hmac_of(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def create_bucket(endpoint, key_id, secret):
    """PUT of the bucket, signed as AWS Signature Version 4 says. False while the server is not ready for it."""
    time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    day, empty = time[:8], hashlib.sha256(b"").hexdigest()
    headers = {"host": endpoint.removeprefix("http://"), "x-amz-content-sha256": empty, "x-amz-date": time}
    signed = ";".join(headers)
    canonical = "\n".join([
        "PUT", f"/{BUCKET}", "", *(f"{name}:{value}" for name, value in headers.items()), "", signed, empty])
    scope = f"{day}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac_of(key, part)
    signature = hmac_of(key, text).hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}")
    request = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT", headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status == 200
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
    except OSError:
        pass
    return False


@contextlib.contextmanager
def minio():
    """Yields the variables that name the server and its one bucket."""
    address, console = (f"127.0.0.1:{pair.free_port()}" for _ in range(2))
    endpoint, key_id, secret = f"http://{address}", "weir-tests", secrets.token_hex(20)

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        os.mkdir(f"{folder}/data")
        stack.enter_context(pair.running(
            [os.environ.get("MINIO", "minio"), "server", "--quiet", "--address", address,
             "--console-address", console, f"{folder}/data"],
            f"{folder}/log", drains=False,
            env={"MINIO_ROOT_USER": key_id, "MINIO_ROOT_PASSWORD": secret, "MINIO_BROWSER": "off",
                 "MINIO_UPDATE": "off", "HOME": folder}))
        pair.wait_until(lambda: create_bucket(endpoint, key_id, secret), "minio")
        yield {"WEIR_TEST_STORE": f"s3://{BUCKET}", "AWS_ENDPOINT_URL": endpoint,
               "AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret}


def main(*command):
    with minio() as environment:
        status = subprocess.run(command, env={**os.environ, **environment}).returncode
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
