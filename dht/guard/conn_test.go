package guard

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestD13ReadErrors: whatever the socket says, ReadFrom goes on, does not spin, and
// hears Close.
func TestD13ReadErrors(t *testing.T) {
	for _, e := range []error{syscall.ENETDOWN, syscall.EPERM, syscall.ECONNREFUSED, errors.New("what"), net.ErrClosed} {
		synctest.Test(t, func(t *testing.T) {
			c, s := open(t, Config{})
			began := time.Now()
			for range 20 {
				s.in <- packet{err: e}
			}
			s.in <- packet{data: []byte(pingQ), addr: udp("1.2.3.4:5678")}
			var b [2048]byte
			n, from, err := c.ReadFrom(b[:])
			if string(b[:n]) != pingQ || from.String() != "1.2.3.4:5678" || err != nil {
				t.Errorf("%q, %v, %v", b[:n], from, err)
			}
			if took := time.Since(began); took < 5*time.Second || took > 20*time.Second {
				t.Errorf("%v: twenty errors take %v", e, took)
			}
			// One error alone costs no time.
			began = time.Now()
			s.in <- packet{err: e}
			s.in <- packet{data: []byte(pingQ), addr: udp("1.2.3.4:5678")}
			if _, _, err := c.ReadFrom(b[:]); err != nil || time.Since(began) != 0 {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			c.Close()
		})
	}
}

// TestClose wakes ReadFrom, whether it waits for a datagram or for the socket to recover.
func TestClose(t *testing.T) {
	for _, errs := range []int{0, 50} {
		synctest.Test(t, func(t *testing.T) {
			c, s := open(t, Config{})
			for range errs {
				s.in <- packet{err: syscall.ENETDOWN}
			}
			ended := make(chan error)
			go func() {
				_, _, err := c.ReadFrom(make([]byte, 2048))
				ended <- err
			}()
			synctest.Wait()
			began := time.Now()
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; !errors.Is(err, net.ErrClosed) || time.Since(began) != 0 {
				t.Errorf("%v after %v", err, time.Since(began))
			}
			if err := c.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
			if _, err := c.WriteTo([]byte(pingQ), udp("1.2.3.4:5678")); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
			if _, _, err := c.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

// TestReadFrom: drops in between are counted and cost nothing; addresses come in
// their shortest form.
func TestReadFrom(t *testing.T) {
	c, s := open(t, Config{})
	for _, p := range []packet{
		{data: []byte("garbage"), addr: udp("1.2.3.4:5678")},
		{data: []byte(pingQ), addr: udp("[2a01::1]:5678")},
		{data: []byte(pingQ), addr: &net.TCPAddr{IP: net.IPv4(1, 2, 3, 4), Port: 1}},
		{data: []byte(strings.Repeat("l", 60000)), addr: udp("1.2.3.4:5678")},
		{data: []byte(pingQ), addr: &net.UDPAddr{IP: net.IPv4(1, 2, 3, 4), Port: 5678}}, // sixteen bytes
	} {
		s.in <- p
	}
	var b [2048]byte
	n, from, err := c.ReadFrom(b[:])
	if ua, ok := from.(*net.UDPAddr); !ok || len(ua.IP) != 4 || ua.Port != 5678 || err != nil || string(b[:n]) != pingQ {
		t.Fatalf("%q, %#v, %v", b[:n], from, err)
	}
	got := c.Counts()
	if got.Passed != 1 || got.AllDropped() != 4 || got.Dropped[Malformed] != 1 || got.Dropped[BadAddress] != 2 || got.Dropped[TooLarge] != 1 || got.AllRefused() != 0 {
		t.Errorf("%+v", got)
	}
	if c.LocalAddr() != nil && c.LocalAddr().String() != "10.0.0.1:6881" {
		t.Error(c.LocalAddr())
	}
}

// TestDefaults: a Config with a socket alone works, and two of them have different secrets.
func TestDefaults(t *testing.T) {
	a, b := New(Config{Conn: newSocket()}), New(Config{Conn: newSocket()})
	defer a.Close()
	defer b.Close()
	if a.key == b.key || a.key == (sipKey{}) {
		t.Error("the secret is known")
	}
	if _, why := a.inbound([]byte(pingQ), ap("127.0.0.1:5678"), second); why != passes {
		t.Error(why)
	}
	if _, err := a.WriteTo([]byte(pingQ), udp("127.0.0.1:5678")); err != nil {
		t.Error(err)
	}
	if a.SetDeadline(time.Time{}) == nil || a.SetReadDeadline(time.Time{}) == nil || a.SetWriteDeadline(time.Time{}) == nil {
		t.Error("deadlines are not kept, and that is not said")
	}
}
