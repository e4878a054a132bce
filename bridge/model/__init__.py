"""The realtime model's adapter: one WebSocket a session, in the Realtime protocol.

`service` opens sessions, `session` runs one, `tracking` knows what is under way in it, `outbox`
holds the audio to be sent, `socket` is the connection, `wire` the frames, `configuration` the
session's settings on the wire, `failures` what a refusal means.
"""
