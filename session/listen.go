package session

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"shoal/peer"
)

// nextPorts is how many ports after a taken one are tried.
const nextPorts = 20

// wsaAddrInUse is what Windows says; syscall has no portable name for it.
const wsaAddrInUse = syscall.Errno(10048)

// errUDPTaken says that the UDP port beside a listener is taken.
var errUDPTaken = errors.New("the UDP port is taken")

// listen opens one listener a family on the same port, and the UDP sockets there. A port that is free for both is
// preferred; where there is none, or another was not wanted, we do without UDP.
func (s *Session) listen() error {
	err := s.listenAny(s.cfg.DHT != nil && (!s.cfg.ListenExact || strings.HasSuffix(s.cfg.Listen, ":0")))
	if errors.Is(err, errUDPTaken) {
		return s.listenAny(false)
	}
	return err
}

// listenAny tries the ports that Config.Listen allows. With both, only such will do as are free for UDP too.
func (s *Session) listenAny(both bool) error {
	host, p, err := net.SplitHostPort(s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen address %q is not host:port: %w", s.cfg.Listen, err)
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return fmt.Errorf("listen address %q: the port must be a number from 0 to 65535", s.cfg.Listen)
	}
	first, last, step := int(port), min(int(port)+nextPorts, 65535), 1
	switch {
	case port == 0: // the system's choice for one family may be taken in the other
		last, step = 0, 0
	case s.cfg.ListenExact:
		last = first
	}
	var lacking error
	for try, n := first, 0; ; try, n = try+step, n+1 {
		err := s.listenOn(host, try, both)
		if errors.Is(err, errUDPTaken) {
			lacking = err
		}
		switch {
		case err == nil:
			return nil
		case lacking != nil && (try >= last && port != 0 || n == nextPorts):
			return lacking
		case !isInUse(err):
			return fmt.Errorf("cannot listen on %s: %w", net.JoinHostPort(host, strconv.Itoa(try)), err)
		case port == 0 && n < nextPorts:
		case try >= last && last > first:
			return fmt.Errorf("ports %d to %d: %w", first, last, ErrPort)
		case try >= last:
			return fmt.Errorf("port %d: %w: %w", try, ErrPort, err)
		}
		s.log.Info("port is taken, trying the next", "port", try)
	}
}

// listenOn opens the listeners for one port; on failure none stays open. One
// family may be missing from the machine, but not both. Without both a UDP port that is taken is no failure.
func (s *Session) listenOn(host string, port int, both bool) error {
	hosts := []string{"0.0.0.0", "::"}
	if host != "" {
		hosts = []string{host}
	}
	var missing error
	for _, h := range hosts {
		network := "tcp4"
		if a, err := netip.ParseAddr(h); err != nil {
			network = "tcp"
		} else if a.Is6() && !a.Is4In6() {
			network = "tcp6"
		}
		l, err := s.cfg.Net.Listen(s.ctx, network, net.JoinHostPort(h, strconv.Itoa(port)))
		if err != nil {
			if missing = errors.Join(missing, err); isInUse(err) {
				s.closeDoors()
				return err
			}
			continue
		}
		s.doors = append(s.doors, &door{net: s.cfg.Net, network: network, address: l.Addr().String(), l: l})
		a := addrOf(l.Addr())
		s.addrs = append(s.addrs, a)
		port = int(a.Port()) // the second family listens on the port that the system chose
		if err := s.listenUDP(network, l.Addr().String()); err != nil && both {
			s.closeDoors()
			return err
		}
	}
	if len(s.doors) == 0 {
		return missing
	}
	return nil
}

// listenUDP opens the UDP socket beside a listener if it is needed. It fails only when the port is taken.
func (s *Session) listenUDP(tcp, address string) error {
	if s.cfg.DHT == nil {
		return nil
	}
	u, err := s.openSocket(tcp, address)
	if err != nil {
		s.log.Info("no UDP socket", "addr", address, "err", err)
		if isInUse(err) {
			return fmt.Errorf("%w: %w", errUDPTaken, err)
		}
		return nil
	}
	s.overlay.sockets = append(s.overlay.sockets, u)
	return nil
}

func (s *Session) closeDoors() {
	for _, d := range s.doors {
		d.close() // nothing was accepted yet
	}
	s.overlay.close()
	s.doors, s.addrs, s.overlay.sockets = nil, nil, nil
}

func isInUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse)
}

// addrOf turns a socket address into a plain one; the zero value when it is none.
func addrOf(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// incoming starts the handshake on an accepted connection, if there is room
// for it.
func (s *Session) incoming(nc net.Conn) {
	addr := addrOf(nc.RemoteAddr())
	if !s.dial.accept(addr.Addr()) {
		_ = nc.Close() // not a word to whom we do not want
		return
	}
	s.outside.hear(addr.Addr(), true)
	s.wg.Go(func() {
		defer s.dial.left(addr.Addr())
		cfg := s.peerConfig(func(f func()) error { return s.crypt.answer(s.ctx, addr.Addr(), f) })
		conn, hs, err := peer.Accept(s.ctx, nc, cfg, ours{s})
		s.dial.shook()
		if err != nil {
			s.log.Debug("incoming handshake failed", "addr", addr, "err", err)
			return
		}
		s.near.reach.came(addr.Addr())
		t := s.knock(hs.InfoHash)
		if t == nil {
			conn.Close(ErrStopped)
			return
		}
		h := hello(addr, hs.PeerID, hs.Reserved, true)
		h.Encrypted = conn.Encrypted()
		s.serve(t, conn, nc.LocalAddr(), h)
	})
}

// peerConfig returns the configuration of a connection, whose arithmetic goes through work.
func (s *Session) peerConfig(work func(f func()) error) *peer.Config {
	return &peer.Config{PeerID: s.peerID, Pool: &s.pool, DHT: s.overlay.port() != 0, Encryption: s.cfg.Encryption, Work: work}
}
