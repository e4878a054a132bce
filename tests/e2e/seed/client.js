import { Room, RoomEvent } from 'livekit-client';

// Create room instance
const room = new Room();

// Connect to room using access token
await room.connect(serverUrl, accessToken);

// Publish microphone audio
const audioTrack = await createLocalAudioTrack();
await room.localParticipant.publishTrack(audioTrack);

// Listen for audio from the model
room.on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
  if (track.kind === 'audio') {
    const audioElement = track.attach();
    document.body.appendChild(audioElement);
  }
});
