"""The realtime model's adapter: WebSockets one after another, in the Realtime protocol.

`lasting` gives calls their sessions, `resilient` is one of these, `line` keeps it connected, over
`legs`; `memory` knows what was said, `floor` what is under way, `patience` when to give up. `warm`
keeps connections ready.

`service` opens a connection, `session` runs one, `tracking` knows what is under way in it, `outbox`
holds the audio to be sent, `socket` is the connection, `wire` the frames, `configuration` the
session's settings on the wire, `failures` what a refusal means.
"""
