package session

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
	"shoal/status"
)

// homeNet is a host that knows its router and its address.
type homeNet struct {
	*simnet.Host
	router netip.Addr
}

func (n homeNet) Gateway() netip.Addr { return n.router }
func (n homeNet) Addrs() []netip.Addr { return []netip.Addr{n.Addr()} }

// pmpRouter is a NAT-PMP gateway that maps to the next port but offset.
type pmpRouter struct {
	*simnet.Host
	mu     sync.Mutex
	mapped map[string]uint16 // by operation: the internal port
}

func (w *sim) pmpRouter(offset uint16) *pmpRouter {
	r := &pmpRouter{Host: w.host(quick), mapped: map[string]uint16{}}
	c, err := r.ListenPacket(context.Background(), "udp4", ":5351")
	if err != nil {
		w.t.Fatal(err)
	}
	w.end = append(w.end, func() { c.Close() })
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			out := []byte{0, b[1] + 128, 0, 0, 0, 0, 0, 1}
			if n < 12 {
				out = append(out, 203, 0, 113, 5)
			} else {
				internal, life := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint32(b[8:])
				r.mu.Lock()
				if key := fmt.Sprint(from.(*net.UDPAddr).IP, b[1]); life == 0 {
					delete(r.mapped, key)
				} else {
					r.mapped[key] = internal
				}
				r.mu.Unlock()
				out = binary.BigEndian.AppendUint16(out, internal)
				out = binary.BigEndian.AppendUint16(out, internal+offset)
				out = binary.BigEndian.AppendUint32(out, life)
			}
			c.WriteTo(out, from)
		}
	}()
	return r
}

func (r *pmpRouter) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.mapped)
}

// TestPortMapped: a session has its port mapped for TCP and UDP, says so, tells trackers the router's port, and
// takes the mapping back in the end.
func TestPortMapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		router := w.pmpRouter(100)
		var mu sync.Mutex
		var ports []string
		tr := w.host(quick)
		l, err := tr.Listen(t.Context(), "tcp4", ":8000")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, q *http.Request) {
			mu.Lock()
			ports = append(ports, q.URL.Query().Get("port"))
			mu.Unlock()
			fmt.Fprint(rw, "d8:intervali1800e5:peers0:e")
		})}
		go srv.Serve(l)
		defer srv.Close()
		w.tor.Trackers = [][]string{{"http://" + tr.Addr().String() + ":8000/announce"}}
		n := w.node(quick)
		n.cfg.Net, n.cfg.NoPortMap = homeNet{n.host, router.Addr()}, false
		n.start(Add{})
		time.Sleep(time.Hour)
		st, err := n.s.Stats(t.Context())
		want := status.Reach{Mapped: true, Method: "NAT-PMP", External: netip.MustParseAddrPort("203.0.113.5:6981")}
		if err != nil || st.Reach != want || router.count() != 2 {
			t.Errorf("%+v, %v, %d mappings", st.Reach, err, router.count())
		}
		mu.Lock()
		if len(ports) == 0 || ports[len(ports)-1] != "6981" {
			t.Errorf("the tracker was told ports %v", ports)
		}
		mu.Unlock()
		n.stop()
		if router.count() != 0 || n.s.Reach().Mapped {
			t.Errorf("%d mappings stay, %+v", router.count(), n.s.Reach())
		}
	})
}

// TestPortMapOff: nobody is asked when it is switched off or a host was chosen to listen on.
func TestPortMapOff(t *testing.T) {
	for _, change := range []func(c *Config, own netip.Addr){
		func(c *Config, _ netip.Addr) { c.NoPortMap = true },
		func(c *Config, own netip.Addr) { c.Listen = own.String() + ":6881" },
		func(c *Config, _ netip.Addr) { c.Listen = "127.0.0.1:6881" },
		func(c *Config, _ netip.Addr) { c.Listen = "0.0.0.0:6881" }, // and this is no choice
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newSim(t, 1<<20, 64<<10)
			defer w.close()
			router := w.pmpRouter(0)
			n := w.node(quick)
			n.cfg.Net, n.cfg.NoPortMap = homeNet{n.host, router.Addr()}, false
			change(&n.cfg, n.host.Addr())
			n.start(Add{})
			time.Sleep(time.Minute)
			if want := n.cfg.Listen == "0.0.0.0:6881"; (router.count() > 0) != want || n.s.Reach().Mapped != want {
				t.Errorf("listening on %q: %d mappings", n.cfg.Listen, router.count())
			}
		})
	}
}

// TestReachIncoming: a handshake from the internet proves that we can be reached; one from the same site does not.
func TestReachIncoming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newSim(t, 1<<20, 64<<10)
		defer w.close()
		n := w.node(quick)
		n.start(Add{})
		near := w.node(quick)
		near.start(Add{Peers: []string{n.addr()}})
		time.Sleep(time.Minute)
		if n.status().Peers != 1 || n.s.Reach().Incoming {
			t.Errorf("%d peers from here, %+v", n.status().Peers, n.s.Reach())
		}
		far := w.node(quick)
		far.host = w.net.Host(netip.MustParseAddr("203.0.113.9"), quick)
		far.cfg.Net = far.host
		far.start(Add{Peers: []string{n.addr()}})
		time.Sleep(time.Minute)
		if n.status().Peers != 2 || !n.s.Reach().Incoming {
			t.Errorf("%d peers, %+v", n.status().Peers, n.s.Reach())
		}
	})
}

// TestRoutes: the default route in the kernel's table.
func TestRoutes(t *testing.T) {
	head := "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	link := "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
	def := "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
	second := "wlan0\t00000000\t0100000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
	for name, c := range map[string]struct{ in, want string }{
		"usual":           {head + def + link, "192.168.1.1"},
		"last":            {head + link + def, "192.168.1.1"},
		"two":             {head + def + second, "192.168.1.1"},
		"none":            {head + link, "invalid IP"},
		"down":            {head + "eth0\t00000000\t0101A8C0\t0002\t0\t0\t100\t00000000\n", "invalid IP"},
		"no gateway":      {head + "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\n", "invalid IP"},
		"half of default": {head + "tun0\t00000000\t0100000A\t0003\t0\t0\t0\t00000080\n", "invalid IP"},
		"short address":   {head + "eth0\t00000000\t01A8C0\t0003\t0\t0\t0\t00000000\n", "invalid IP"},
		"nothing":         {"", "invalid IP"},
	} {
		if got := parseRoutes(c.in).String(); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
		for n := range c.in {
			parseRoutes(c.in[:n])
		}
	}
	own := []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("198.51.100.3"), netip.MustParseAddr("192.168.7.20")}
	if got := firstOf(own).String(); got != "192.168.7.1" {
		t.Errorf("guessed %s", got)
	}
	if got := firstOf(own[:2]); got.IsValid() {
		t.Errorf("guessed %s", got)
	}
}
