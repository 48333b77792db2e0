package main

import (
	"context"
	"errors"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/jwtguard/jwtguard/e2e/harness"
)

// server is a process that is measured from outside.
type server struct {
	process *harness.Process
	conn    *grpc.ClientConn // nil: nobody asks it one by one
}

// dial connects to a server's unix socket, for single checks.
func (s *server) dial(socket string) (err error) {
	s.conn, err = grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return err
}

// hangUp closes the connection, once.
func (s *server) hangUp() error {
	if s.conn == nil {
		return nil
	}
	c := s.conn
	s.conn = nil
	return c.Close()
}

// answer is what a server says of one token, encoded.
func (s *server) answer(ctx context.Context, token string) ([]byte, error) {
	said, err := authv3.NewAuthorizationClient(s.conn).Check(ctx, newRequest(token), grpc.WaitForReady(true))
	if err != nil {
		return nil, err
	}
	return proto.Marshal(said)
}

func (s *server) stop() error { return errors.Join(s.hangUp(), s.process.Stop()) }
