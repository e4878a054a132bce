package mediabridge_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	bridgev1 "github.com/mediabridge/mediabridge/clients/go/bridge/v1"
	"github.com/mediabridge/mediabridge/clients/go/mediabridge"
)

func TestAKeyGoesOverTLSToServersWithATrustedCertificateOnly(t *testing.T) {
	certified := httptest.NewTLSServer(nil) // only for its certificate
	defer certified.Close()
	var sent []string
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: certified.TLS.Certificates})))
	bridgev1.RegisterCallServiceServer(server, &scripted{
		createRoom: func(ctx context.Context, _ *bridgev1.CreateRoomRequest) error {
			received, _ := metadata.FromIncomingContext(ctx)
			sent = append(sent, received.Get("authorization")...)
			return nil
		},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	ask := func(trusted *x509.CertPool) error {
		bridge := connect(t, listener.Addr().String(),
			mediabridge.WithTLS(&tls.Config{RootCAs: trusted}), mediabridge.WithAPIKey("a-key"))
		_, err := bridge.CreateRoom(t.Context(), &bridgev1.CreateRoomRequest{})
		return err
	}

	trusted := x509.NewCertPool()
	trusted.AddCert(certified.Certificate())
	if err := ask(trusted); err != nil {
		t.Error(err)
	}
	if err := ask(x509.NewCertPool()); status.Code(err) != codes.Unavailable {
		t.Errorf("with a stranger's certificate: %v", err)
	}
	if !slices.Equal(sent, []string{"Bearer a-key"}) {
		t.Errorf("authorization was %q", sent)
	}
}
