"""What LiveKit sends as webhooks: bodies, and the tokens that sign them."""

import base64
import hashlib
import time

import jwt
from google.protobuf.json_format import MessageToJson
from livekit import api


def body_of(told: api.WebhookEvent) -> str:
    return MessageToJson(told)


def token(body: str, secret: str, key: str, expires_in_s: float = 60) -> str:
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    claims = {"iss": key, "exp": time.time() + expires_in_s, "sha256": digest}
    return jwt.encode(claims, secret, algorithm="HS256")
