"""Does every sandbox start from the same settings?"""

from bridge.cli.sandbox import own_environment


def test_no_setting_of_the_environment_reaches_the_sandbox() -> None:
    environ = {"OPENAI_API_KEY": "x", "MEDIABRIDGE_SLOTS": "1", "LIVEKIT_URL": "x", "PATH": "/bin"}
    assert own_environment(environ) == {"PATH": "/bin"}
