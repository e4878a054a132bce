"""What happens to sound between the room and the model: no network, no clock of its own.

Uplink: speakers -> `Mixer` -> `LevelMeter` -> `Resampler` -> model.
Downlink: model -> `Playout` (which resamples) -> `AudioOutput`.
"""
