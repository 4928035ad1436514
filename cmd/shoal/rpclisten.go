package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"shoal/rpc"
	"shoal/session"
)

// listenSocket opens the unix socket at path, for this user alone.
func listenSocket(ctx context.Context, path string) (net.Listener, error) {
	var n session.Control
	return rpc.ListenSocket(path, func(path string) (net.Listener, error) { return n.Listen(ctx, "unix", path) },
		func(path string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			return session.SystemNet{}.Dial(ctx, "unix", path)
		})
}

// errOpen says that anybody could steer the daemon.
var errOpen = errors.New("without a password only this machine may steer the daemon: name one with --rpc-password-file, or listen on 127.0.0.1")

// mayListen decides whether the RPC may listen on a host:port. Beyond this machine it needs a password. naked says that the password
// goes through the network unencrypted.
func mayListen(hostPort string, password, encrypted bool) (naked bool, err error) {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return false, withCode(exitUsage, fmt.Errorf("--rpc %q: write HOST:PORT", hostPort))
	}
	if onlyHere(host) {
		return false, nil
	}
	if !password {
		return false, withCode(exitUsage, fmt.Errorf("%s: %w", hostPort, errOpen))
	}
	return !encrypted, nil
}

// onlyHere reports whether a host to listen on is reached from this machine alone. A name could be anything, except for localhost.
func onlyHere(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || host == "localhost"
}

// certificate loads the pair for TLS, nil for none.
func certificate(cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, withCode(exitUsage, errors.New("[rpc] tls_cert and tls_key go together: name both"))
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("[rpc] tls_cert %s with tls_key %s: %w", cert, key, err))
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
