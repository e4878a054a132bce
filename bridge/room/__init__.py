"""LiveKit: rooms, tokens, and the bot participant. The only package that imports livekit."""
