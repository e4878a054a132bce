"""Can a receiver tell what is ours? By the documented snippets, in Python and in Go."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bridge.demo.livekit_build import find_go
from bridge.webhooks.signing import headers, key_of

DOCS = Path(__file__).parents[3] / "docs/webhooks.md"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the specification's own example
BODY = b'{"test": 2432232314}'
ID, AT = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330


def snippet(language: str) -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    return str(blocks[-1])


def signed(body: bytes = BODY, at_s: int = AT) -> Mapping[str, str]:
    return headers(key_of(SECRET), ID, at_s, body)


def test_signature_is_the_specification_s() -> None:
    """Of the example in Standard Webhooks' own libraries."""
    assert signed()["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret",
    [
        *("", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "whsec_" + "A" * 100,
    ],
)
def test_what_is_no_secret_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="must be whsec_") as refused:
        key_of(secret)
    assert len(secret) < 10 or secret not in str(refused.value)


CASES: dict[str, tuple[Mapping[str, str], bytes, float, bool]] = {
    "ours": (signed(), BODY, AT, True),
    "ours, a while ago": (signed(), BODY, AT + 299, True),
    "replayed": (signed(), BODY, AT + 301, False),
    "of the future": (signed(), BODY, AT - 301, False),
    "another body": (signed(), BODY + b" ", AT, False),
    "another time": ({**signed(), "webhook-timestamp": str(AT + 1)}, BODY, AT, False),
    "another id": ({**signed(), "webhook-id": "other"}, BODY, AT, False),
    "no signature": ({**signed(), "webhook-signature": ""}, BODY, AT, False),
    "several, one of them right": (
        {**signed(), "webhook-signature": f"v1,AAAA {signed()['webhook-signature']} v2,x"},
        BODY,
        AT,
        True,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_python_snippet_tells_ours_from_others(
    case: tuple[Mapping[str, str], bytes, float, bool],
) -> None:
    found: dict[str, Any] = {}
    exec(snippet("python"), found)  # noqa: S102 - the documentation's own
    is_ours: Callable[..., bool] = found["is_ours"]
    head, body, now, ours = case
    assert is_ours(head, body, SECRET, now) is ours


def test_python_snippet_takes_what_is_sent_now() -> None:
    found: dict[str, Any] = {}
    exec(snippet("python"), found)  # noqa: S102 - the documentation's own
    assert found["is_ours"](signed(at_s=int(time.time())), BODY, SECRET)


GO_TEST = """package webhook

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"
)

func TestIsOurs(t *testing.T) {
	raw, err := os.ReadFile("cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]struct {
		Headers map[string]string
		Body, Secret string
		Now int64
		Ours bool
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for name, one := range cases {
		headers := http.Header{}
		for key, value := range one.Headers {
			headers.Set(key, value)
		}
		now := time.Unix(one.Now, 0)
		if got := IsOurs(headers, []byte(one.Body), one.Secret, now); got != one.Ours {
			t.Errorf("%s: %v", name, got)
		}
	}
	if len(cases) < 5 {
		t.Fatal("no cases")
	}
}
"""


@pytest.mark.timeout(240)
async def test_go_snippet_tells_ours_from_others(tmp_path: Path) -> None:
    go = await find_go()
    if go is None:
        pytest.skip("no Go tool chain")
    (tmp_path / "go.mod").write_text("module webhook\n\ngo 1.22\n")
    (tmp_path / "webhook.go").write_text(snippet("go"))
    (tmp_path / "webhook_test.go").write_text(GO_TEST)
    cases = {
        name: {"Headers": head, "Body": body.decode(), "Secret": SECRET, "Now": now, "Ours": ours}
        for name, (head, body, now, ours) in CASES.items()
    }
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    ran = await asyncio.create_subprocess_exec(
        go.program,
        "test",
        "./...",
        cwd=tmp_path,
        env=go.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await ran.communicate()
    assert ran.returncode == 0, said.decode()
