curl -X POST http://localhost:8082/livekit/create-room \
  -H "Content-Type: application/json" \
  -d '{
    "participantName": "test-user",
    "agentId": "agent-1",
    "voiceLanguage": "en"
  }'
