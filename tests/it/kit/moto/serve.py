"""The moto server as its own command starts it, with what it lacks:

- One call after the other: moto keeps what it holds in plain dictionaries, and calls side by side now and
  then end in an error 500 of its own.
- User data of a version after the first is kept in a form that its own groups refuse to launch.
- CloudWatch's clients speak RPC v2 CBOR and moto answers its JSON protocol, which has the same shapes:
  botocore reads and writes them.
"""

import io
import json

import moto.ec2.models.launch_templates as templates
import moto.server as server
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import RpcV2CBORSerializer
from moto.core.utils import get_service_model
from moto.ec2.utils import parse_user_data

made = templates.LaunchTemplateVersion.__init__


def make(version, *args, **options):
    made(version, *args, **options)
    if isinstance(version.data.get("UserData"), (str, bytes)):
        version.data["UserData"] = parse_user_data(version.data["UserData"])


def text(word):
    """A text of CBOR: major type 3 with a length of four bytes."""
    return b"\x7a" + len(word.encode()).to_bytes(4, "big") + word.encode()


class Cbor:
    """The server before which RPC v2 CBOR becomes JSON: POST /service/NAME/operation/ACTION."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start):
        if environ.get("HTTP_SMITHY_PROTOCOL") != "rpc-v2-cbor":
            return self.app(environ, start)
        _, _, service, _, action = environ["PATH_INFO"].split("/")
        asked = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        reader = RpcV2CBORParser()
        params = reader.parse_data_item(reader.get_peekable_stream_from_bytes(asked)) if asked else {}
        body = json.dumps(params, default=lambda at: at.timestamp()).encode()
        del environ["HTTP_SMITHY_PROTOCOL"]
        environ |= {"PATH_INFO": "/", "REQUEST_URI": "/", "RAW_URI": "/", "wsgi.input": io.BytesIO(body),
                    "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/x-amz-json-1.0",
                    "HTTP_X_AMZ_TARGET": f"{service}.{action}"}
        heads = []
        parts = self.app(environ, lambda status, headers, *_: heads.append((status, headers)))
        answer = json.loads(b"".join(parts) or b"{}")
        status = heads[0][0]
        if status.startswith("200"):
            shape = get_service_model("cloudwatch").operation_model(action).output_shape
            written = bytearray() if shape else bytearray(b"\xa0")
            if shape:
                RpcV2CBORSerializer()._serialize_data_item(written, answer, shape)
        else:
            words = {"__type": answer.get("__type", ""), "message": answer.get("message", "")}
            pairs = [text(name) + text(word) for name, word in words.items()]
            written = b"\xa2" + b"".join(pairs)
        start(status, [("content-type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor"),
                       ("content-length", str(len(written)))])
        return [bytes(written)]


templates.LaunchTemplateVersion.__init__ = make
run = server.run_simple
server.run_simple = lambda host, port, app, **options: run(host, port, Cbor(app), **{**options, "threaded": False})
server.main(["-H", "127.0.0.1", "-p", "0"])
