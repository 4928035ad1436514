package tracker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestHTTPFamilies: a tracker of both IP versions hears of us over both.
func TestHTTPFamilies(t *testing.T) {
	six := "d8:completei9e8:intervali3600e6:peers618:" + string(us6.AsSlice()) + "\x1a\xe1e"
	slow := func(d time.Duration, body string) func(net.Conn, string) {
		return handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(d):
			case <-r.Context().Done():
			}
			io.WriteString(w, body)
		}))
	}
	for name, c := range map[string]struct {
		v4, v6 func(net.Conn, string) // nil: refused
		want   string
		takes  time.Duration
	}{
		"both":         {slow(0, good), slow(time.Second, six), "[10.0.0.1:6881 [2001:db8:7::7]:6881]", time.Second},
		"IPv6 refused": {slow(time.Second, good), nil, "[10.0.0.1:6881]", time.Second},
		"IPv4 refused": {nil, slow(time.Second, six), "[[2001:db8:7::7]:6881]", time.Second},
		"IPv6 hangs":   {slow(time.Second, good), hang, "[10.0.0.1:6881]", time.Second + secondFamily},
		"IPv6 no":      {slow(time.Second, good), slow(0, "d14:failure reason2:noe"), "[10.0.0.1:6881]", time.Second},
		"same peer":    {slow(0, good), slow(0, good), "[10.0.0.1:6881]", 0},
		"neither":      {nil, nil, "", 0},
		"both hang":    {hang, hang, "", announceTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{serve: func(nc net.Conn, address string) {
					if strings.HasPrefix(address, "[") {
						c.v6(nc, address)
						return
					}
					c.v4(nc, address)
				}}
				cl := NewClient(func(ctx context.Context, network, address string) (net.Conn, error) {
					if strings.HasPrefix(address, "[") && c.v6 == nil || !strings.HasPrefix(address, "[") && c.v4 == nil {
						return nil, errDown
					}
					return m.dial(ctx, network, address)
				}, Options{Lookup: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{them6, them4}, nil }})
				start := time.Now()
				r, err := cl.Announce(t.Context(), request("http://dual.test/announce"))
				slices.SortFunc(r.Peers, netip.AddrPort.Compare)
				if took := time.Since(start); (err == nil) != (c.want != "") || err == nil && fmt.Sprint(r.Peers) != c.want || took != c.takes {
					t.Errorf("%v, %v after %v", r.Peers, err, took)
				}
				if name == "both" && (r.Complete != 9 || r.Interval != time.Hour) {
					t.Errorf("joined %+v", r)
				}
				if name == "neither" && (!errors.Is(err, errDown) || strings.Count(err.Error(), "over IPv") != 2) {
					t.Errorf("error %v", err)
				}
				cl.Close()
				time.Sleep(time.Minute) // virtual: the servers' own pauses end
			})
		})
	}
}

func TestJoinRepliesIsBounded(t *testing.T) {
	many := func(third byte) (r Reply) {
		for i := range maxPeers {
			r.Peers = append(r.Peers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, third, byte(i >> 8), byte(i)}), 1))
		}
		return r
	}
	if r := joinReplies([]Reply{many(1), many(2)}); len(r.Peers) != maxPeers {
		t.Errorf("%d peers", len(r.Peers))
	}
}
