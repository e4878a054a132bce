curl http://localhost:7880/
