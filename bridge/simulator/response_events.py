"""The events of one response's items: what they say, and the order they open and close in."""

from bridge.simulator import wire
from bridge.simulator.conversation import Conversation, Item
from bridge.simulator.outlet import Outlet
from bridge.simulator.wire import JsonObject, new_id


class ResponseEvents:
    """Sends what happens to a response's items, and to the conversation that they join."""

    def __init__(self, response_id: str, outlet: Outlet, conversation: Conversation | None) -> None:
        self.output: list[Item] = []
        self._response_id = response_id
        self._outlet = outlet
        self._conversation = conversation

    async def open_speech(self) -> Item:
        """Begin a spoken message."""
        item = await self._open({"type": "message", "role": "assistant", "content": []})
        # The item is announced empty, as the service does; from here on it may be truncated.
        item.body["content"] = [{"type": "output_audio", "transcript": ""}]
        await self._send("content_part.added", item, part={"type": "audio", "transcript": ""})
        return item

    async def audio(self, item: Item, delta: str, audio_ms: float) -> None:
        """Send some of a message's audio."""
        item.audio_ms += audio_ms
        await self._send("output_audio.delta", item, delta=delta)

    async def transcript(self, item: Item, delta: str) -> None:
        """Send some of a message's words."""
        await self._send("output_audio_transcript.delta", item, delta=delta)

    async def close_speech(self, item: Item, transcript: str, *, complete: bool) -> None:
        """End a spoken message."""
        content = {"type": "output_audio", "transcript": transcript}
        item.body["content"] = [content]
        await self._send("output_audio.done", item)
        await self._send("output_audio_transcript.done", item, transcript=transcript)
        await self._send("content_part.done", item, part={**content, "type": "audio"})
        await self._close(item, complete=complete)

    async def open_text(self) -> Item:
        """Begin a written message."""
        item = await self._open({"type": "message", "role": "assistant", "content": []})
        item.body["content"] = [{"type": "output_text", "text": ""}]
        await self._send("content_part.added", item, part={"type": "text", "text": ""})
        return item

    async def text(self, item: Item, delta: str) -> None:
        """Send some of a written message."""
        await self._send("output_text.delta", item, delta=delta)

    async def close_text(self, item: Item, text: str, *, complete: bool) -> None:
        """End a written message."""
        item.body["content"] = [{"type": "output_text", "text": text}]
        await self._send("output_text.done", item, text=text)
        await self._send("content_part.done", item, part={"type": "text", "text": text})
        await self._close(item, complete=complete)

    async def open_call(self, name: str) -> Item:
        """Begin a function call."""
        call_id = new_id("call")
        return await self._open(
            {"type": "function_call", "name": name, "call_id": call_id, "arguments": ""}
        )

    async def arguments(self, item: Item, delta: str) -> None:
        """Send some of a call's arguments."""
        await self._send_about_call("delta", item, delta=delta)

    async def close_call(self, item: Item, arguments: str, *, complete: bool) -> None:
        """End a function call."""
        item.body["arguments"] = arguments
        name = item.body["name"]
        await self._send_about_call("done", item, name=name, arguments=arguments)
        await self._close(item, complete=complete)

    async def _open(self, body: JsonObject) -> Item:
        item = Item(
            {"id": new_id("item"), "object": "realtime.item", "status": "in_progress", **body}
        )
        self.output.append(item)
        await self._send_about_item("added", item)
        if self._conversation:
            previous = self._conversation.append(item)
            await self._outlet.send(wire.item_event("added", item.body, previous))
        return item

    async def _close(self, item: Item, *, complete: bool) -> None:
        item.body["status"] = "completed" if complete else "incomplete"
        if self._conversation:
            previous = self._conversation.id_before(item.id)
            await self._outlet.send(wire.item_event("done", item.body, previous))
        await self._send_about_item("done", item)

    async def _send(self, kind: str, item: Item, **fields: object) -> None:
        place = self._place(item)
        place["content_index"] = 0
        await self._outlet.send({"type": f"response.{kind}", **place, **fields})

    async def _send_about_item(self, stage: str, item: Item) -> None:
        place = self._place(item)
        del place["item_id"]
        kind = f"response.output_item.{stage}"
        await self._outlet.send({"type": kind, **place, "item": item.body})

    async def _send_about_call(self, stage: str, item: Item, **fields: object) -> None:
        kind = f"response.function_call_arguments.{stage}"
        call_id = item.body["call_id"]
        await self._outlet.send({"type": kind, **self._place(item), "call_id": call_id, **fields})

    def _place(self, item: Item) -> JsonObject:
        return {
            "response_id": self._response_id,
            "item_id": item.id,
            "output_index": self.output.index(item),
        }
