package mediabridge

import (
	"crypto/tls"
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/mediabridge/mediabridge/clients/go/bridge/v1" // registers the API
)

func TestOnlyThisMachineIsSpokenToInTheClearUnlessToldSo(t *testing.T) {
	for _, each := range []struct {
		target  string
		options []Option
		plain   bool
	}{
		{"127.0.0.1:50051", nil, true},
		{"localhost:50051", nil, true},
		{"[::1]:50051", nil, true},
		{"dns:///localhost:50051", nil, true},
		{"passthrough:127.0.0.1:50051", nil, true},
		{"unix:/run/bridge.sock", nil, true},
		{"unix-abstract:bridge", nil, true},
		{"bridge.example:50051", nil, false},
		{"10.0.0.7:50051", nil, false},
		{"dns:///bridge.example:50051", nil, false},
		{"localhost", nil, false}, // whatever gRPC makes of it
		{"10.0.0.7:50051", []Option{WithInsecure()}, true},
		{"127.0.0.1:50051", []Option{WithTLS(&tls.Config{})}, false},
		{"10.0.0.7:50051", []Option{WithInsecure(), WithTLS(&tls.Config{})}, false},
	} {
		settings := defaultSettings()
		for _, option := range each.options {
			option(&settings)
		}
		transport, plain := settings.transport(each.target)
		if plain != each.plain {
			t.Errorf("%s with %d options: in the clear: %v", each.target, len(each.options), plain)
		}
		if encrypts := transport.Info().SecurityProtocol == "tls"; encrypts == plain {
			t.Errorf("%s: %s", each.target, transport.Info().SecurityProtocol)
		}
	}
}

func TestAKeyNeedsEncryptionExceptWhereTheClearIsMeant(t *testing.T) {
	if (bearer{plain: true}).RequireTransportSecurity() {
		t.Error("a key for this machine asks for TLS")
	}
	if !(bearer{}).RequireTransportSecurity() {
		t.Error("a key for another machine does without TLS")
	}
}

// A misspelt method would silently never be retried.
func TestEveryMethodOfTheRetryPolicyExists(t *testing.T) {
	var config struct {
		MethodConfig []struct {
			Name []struct{ Service, Method string }
		}
	}
	if err := json.Unmarshal([]byte(serviceConfig), &config); err != nil {
		t.Fatal(err)
	}
	for _, name := range config.MethodConfig[0].Name {
		full := protoreflect.FullName(name.Service).Append(protoreflect.Name(name.Method))
		if _, err := protoregistry.GlobalFiles.FindDescriptorByName(full); err != nil {
			t.Errorf("%s: %v", full, err)
		}
	}
}
