package portmap

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
)

var (
	routerAddr = netip.MustParseAddr("10.0.0.1")
	ourAddr    = netip.MustParseAddr("10.0.0.2")
	outside    = netip.MustParseAddr("198.51.100.7")
)

// fakeRouter is a router with whatever manners a test wants. The fields above mu do not change while it runs.
type fakeRouter struct {
	t         *testing.T
	host      *simnet.Host
	permanent bool            // UPnP: only mappings without end
	taken     map[uint16]bool // external ports of others
	lifetime  time.Duration   // NAT-PMP: the longest; 0: what was asked for
	location  string          // UPnP: instead of its own
	desc      string          // UPnP: the description
	fault     int             // UPnP: to every action
	raw       func(w http.ResponseWriter, r *http.Request) bool
	pmpCode   uint16

	mu     sync.Mutex
	maps   map[string]fakeMapping // "TCP 6881"
	adds   int
	heard  int // SSDP searches
	asked  int // NAT-PMP packets
	silent bool
}

type fakeMapping struct {
	client   string
	internal string
	until    time.Time // zero: without end
}

const description = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion><device>
<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType><friendlyName>fake</friendlyName><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<controlURL>%s</controlURL><eventSubURL>/evt</eventSubURL><SCPDURL>/scpd.xml</SCPDURL></service></serviceList></device></deviceList></device></deviceList></device></root>`

// scene is a router and a machine behind it; make it inside a bubble.
type scene struct {
	t      *testing.T
	net    *simnet.Net
	router *fakeRouter
	us     *simnet.Host
	cfg    Config
	mu     sync.Mutex
	told   []Mapping
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, net: simnet.New(1)}
	link := simnet.Link{Latency: time.Millisecond}
	s.us = s.net.Host(ourAddr, link)
	s.router = &fakeRouter{t: t, host: s.net.Host(routerAddr, link), maps: map[string]fakeMapping{}, desc: fmt.Sprintf(description, "/ctl")}
	s.cfg = Config{
		Net: s.us, Port: 6881, Rand: rand.New(rand.NewPCG(1, 1)),
		Own: func() []netip.Addr { return []netip.Addr{ourAddr} }, Gateway: func() netip.Addr { return routerAddr },
		Changed: func(m Mapping) { s.mu.Lock(); defer s.mu.Unlock(); s.told = append(s.told, m) },
	}
	return s
}

func inScene(t *testing.T, f func(s *scene)) {
	synctest.Test(t, func(t *testing.T) { f(newScene(t)) })
}

// run starts a mapper; stop ends it and says how long that took.
func (s *scene) run() (m *Mapper, stop func() time.Duration) {
	m = New(s.cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); m.Run(ctx) }()
	stop = func() time.Duration {
		began := time.Now()
		cancel()
		<-ended
		return time.Since(began)
	}
	s.t.Cleanup(func() { stop() })
	return m, stop
}

// all returns what the mapper told, last the latest.
func (s *scene) all() []Mapping {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

func (s *scene) last() Mapping {
	if all := s.all(); len(all) > 0 {
		return all[len(all)-1]
	}
	return Mapping{}
}

// live returns the mappings that have not ended.
func (r *fakeRouter) live() (out map[string]fakeMapping) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out = map[string]fakeMapping{}
	for k, m := range r.maps {
		if m.until.IsZero() || time.Now().Before(m.until) {
			out[k] = m
		}
	}
	return out
}

// get reads a counter.
func (r *fakeRouter) get(n *int) int { r.mu.Lock(); defer r.mu.Unlock(); return *n }

func (r *fakeRouter) count(f func()) { r.mu.Lock(); f(); r.mu.Unlock() }

// upnp starts the UPnP half.
func (r *fakeRouter) upnp() {
	group, err := r.host.ListenMulticast(context.Background(), "udp4", ssdpGroup)
	if err != nil {
		r.t.Fatal(err)
	}
	l, err := r.host.Listen(context.Background(), "tcp4", ":5000")
	if err != nil {
		r.t.Fatal(err)
	}
	location := "http://10.0.0.1:5000/desc.xml"
	if r.location != "" {
		location = r.location
	}
	go func() {
		b := make([]byte, 2000)
		for {
			n, from, err := group[0].ReadFrom(b)
			if err != nil {
				return
			}
			r.count(func() { r.heard++ })
			st := regexp.MustCompile(`(?m)^ST: (.*)\r$`).FindStringSubmatch(string(b[:n]))
			if !strings.HasPrefix(string(b[:n]), "M-SEARCH * HTTP/1.1\r\n") || st == nil || !strings.HasSuffix(st[1], "InternetGatewayDevice:1") {
				continue
			}
			fmt.Fprintf(writer{group[0], from}, "HTTP/1.1 200 OK\r\nST: %s\r\nUSN: uuid:1::%s\r\nLOCATION: %s\r\n\r\n", st[1], st[1], location)
		}
	}()
	srv := &http.Server{Handler: http.HandlerFunc(r.serve)}
	go srv.Serve(l)
	r.t.Cleanup(func() { group[0].Close(); srv.Close() })
}

type writer struct {
	c  net.PacketConn
	to net.Addr
}

func (w writer) Write(b []byte) (int, error) { return w.c.WriteTo(b, w.to) }

func (r *fakeRouter) serve(w http.ResponseWriter, q *http.Request) {
	if r.raw != nil && r.raw(w, q) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.silent {
		panic(http.ErrAbortHandler)
	}
	if q.URL.Path == "/desc.xml" {
		io.WriteString(w, r.desc)
		return
	}
	body, _ := io.ReadAll(q.Body)
	arg := func(name string) string {
		m := regexp.MustCompile("<" + name + ">(.*)</" + name + ">").FindSubmatch(body)
		if m == nil {
			return ""
		}
		return string(m[1])
	}
	key := arg("NewProtocol") + " " + arg("NewExternalPort")
	fault := r.fault
	var out string
	_, action, _ := strings.Cut(strings.Trim(q.Header.Get("SOAPACTION"), `"`), "#")
	switch {
	case fault != 0:
	case action == "GetExternalIPAddress":
		out = "<NewExternalIPAddress>" + outside.String() + "</NewExternalIPAddress>"
	case action == "AddPortMapping":
		r.adds++
		m := fakeMapping{arg("NewInternalClient"), arg("NewInternalPort"), time.Time{}}
		if lease := arg("NewLeaseDuration"); lease != "0" {
			d, _ := time.ParseDuration(lease + "s")
			m.until = time.Now().Add(d)
		}
		var port uint16
		fmt.Sscan(arg("NewExternalPort"), &port)
		if r.permanent && !m.until.IsZero() {
			fault = onlyPermanent
		} else if r.taken[port] {
			fault = conflict
		} else {
			r.maps[key] = m
		}
	case action == "DeletePortMapping":
		if _, ok := r.maps[key]; !ok {
			fault = 714
		}
		delete(r.maps, key)
	default:
		fault = 401
	}
	const envelope = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>%s</s:Body></s:Envelope>`
	if fault != 0 {
		w.WriteHeader(500)
		fmt.Fprintf(w, envelope, fmt.Sprintf(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>%d</errorCode><errorDescription>x</errorDescription></UPnPError></detail></s:Fault>`, fault))
		return
	}
	fmt.Fprintf(w, envelope, `<u:`+action+`Response xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">`+out+`</u:`+action+`Response>`)
}

// pmp starts the NAT-PMP half.
func (r *fakeRouter) pmp() {
	c, err := r.host.ListenPacket(context.Background(), "udp4", ":5351")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			if out := r.answer(b[:n], from); out != nil {
				c.WriteTo(out, from)
			}
		}
	}()
}

func (r *fakeRouter) answer(b []byte, from net.Addr) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.silent || len(b) < 2 {
		return nil
	}
	out := binary.BigEndian.AppendUint16([]byte{0, b[1] + 128}, r.pmpCode)
	out = binary.BigEndian.AppendUint32(out, 1000)
	if b[1] == 0 {
		return append(out, outside.AsSlice()...)
	}
	internal, external := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	life := time.Duration(binary.BigEndian.Uint32(b[8:])) * time.Second
	if r.lifetime > 0 {
		life = min(life, r.lifetime)
	}
	name := map[byte]string{1: "UDP ", 2: "TCP "}[b[1]]
	if life == 0 {
		for k, m := range r.maps {
			if strings.HasPrefix(k, name) && m.internal == fmt.Sprint(internal) {
				delete(r.maps, k)
			}
		}
	} else if r.pmpCode == 0 {
		for r.taken[external] {
			external++
		}
		r.adds++
		client, _, _ := net.SplitHostPort(from.String())
		r.maps[name+fmt.Sprint(external)] = fakeMapping{client, fmt.Sprint(internal), time.Now().Add(life)}
	}
	out = binary.BigEndian.AppendUint16(out, internal)
	out = binary.BigEndian.AppendUint16(out, external)
	return binary.BigEndian.AppendUint32(out, uint32(life/time.Second))
}
