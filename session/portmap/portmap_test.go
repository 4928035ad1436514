package portmap

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"shoal/internal/simnet"
)

// both says which mappings there should be.
func bothAt(port uint16) []string {
	return []string{fmt.Sprint("TCP ", port), fmt.Sprint("UDP ", port)}
}

func (s *scene) want(when string, port uint16) {
	s.t.Helper()
	live := s.router.live()
	var want []string
	if port != 0 {
		want = bothAt(port)
	}
	if got := slices.Sorted(maps.Keys(live)); !slices.Equal(got, want) {
		s.t.Fatalf("%s: mapped %v, want %v", when, got, want)
	}
	for k, m := range live {
		if m.client != ourAddr.String() || m.internal != "6881" {
			s.t.Errorf("%s: %s leads to %s:%s", when, k, m.client, m.internal)
		}
	}
}

// TestMapped: over each way the port is mapped within seconds, renewed for a day, and gone within a
// second after the end.
func TestMapped(t *testing.T) {
	for _, method := range []string{"NAT-PMP", "UPnP"} {
		t.Run(method, func(t *testing.T) {
			inScene(t, func(s *scene) {
				if method == "UPnP" {
					s.router.upnp()
				} else {
					s.router.pmp()
				}
				_, stop := s.run()
				time.Sleep(8 * time.Second)
				s.want("after 8 s", 6881)
				if got := s.last(); got != (Mapping{method, netip.AddrPortFrom(outside, 6881)}) {
					t.Errorf("told %+v", got)
				}
				for i := range 24 * 60 {
					time.Sleep(time.Minute)
					s.want(fmt.Sprint("minute ", i), 6881)
				}
				if s.router.get(&s.router.adds) > 2*50 {
					t.Errorf("%d requests in a day", s.router.get(&s.router.adds))
				}
				if took := stop(); took > time.Second {
					t.Errorf("the end took %v", took)
				}
				s.want("at the end", 0)
				if got := s.last(); got != (Mapping{}) || len(s.all()) != 2 {
					t.Errorf("told %+v", s.all())
				}
			})
		})
	}
}

// TestSecondPort: when others have the port another one is mapped, the same for TCP and UDP.
func TestSecondPort(t *testing.T) {
	for _, method := range []string{"NAT-PMP", "UPnP"} {
		t.Run(method, func(t *testing.T) {
			inScene(t, func(s *scene) {
				s.router.taken = map[uint16]bool{6881: true}
				if method == "UPnP" {
					s.router.upnp()
				} else {
					s.router.pmp()
				}
				_, stop := s.run()
				time.Sleep(8 * time.Second)
				port := s.last().External.Port()
				if port == 0 || port == 6881 {
					t.Fatalf("told %+v", s.last())
				}
				s.want("after 8 s", port)
				time.Sleep(10 * time.Hour)
				s.want("after hours", port)
				stop()
				s.want("at the end", 0)
			})
		})
	}
}

// TestPermanent: a router that knows only mappings without end gets one, and it is removed.
func TestPermanent(t *testing.T) {
	inScene(t, func(s *scene) {
		s.router.permanent = true
		s.router.upnp()
		_, stop := s.run()
		time.Sleep(5 * time.Hour)
		s.want("after hours", 6881)
		stop()
		s.want("at the end", 0)
	})
}

// TestShortLease: a router may grant less than was asked for, but not make us ask all the time.
func TestShortLease(t *testing.T) {
	for lifetime, most := range map[time.Duration]int{10 * time.Minute: 2 * 13, time.Second: 2 * 121} {
		inScene(t, func(s *scene) {
			s.router.lifetime = lifetime
			s.router.pmp()
			s.run()
			for range 59 {
				time.Sleep(time.Minute)
				if lifetime > time.Minute {
					s.want("meanwhile", 6881)
				}
			}
			if s.router.get(&s.router.adds) > most {
				t.Errorf("lifetime %v: %d requests in an hour", lifetime, s.router.get(&s.router.adds))
			}
		})
	}
}

// TestNobody: without a router nothing is mapped, little is asked, and the end is quick; with a public
// address nobody is asked at all.
func TestNobody(t *testing.T) {
	inScene(t, func(s *scene) {
		s.router.silent = true
		s.router.upnp()
		s.router.pmp()
		_, stop := s.run()
		time.Sleep(24 * time.Hour)
		if s.router.get(&s.router.heard) > 200 || s.router.get(&s.router.asked) > 200 || s.router.get(&s.router.heard) == 0 || s.router.get(&s.router.asked) == 0 {
			t.Errorf("%d searches and %d NAT-PMP packets in a day", s.router.get(&s.router.heard), s.router.get(&s.router.asked))
		}
		if took := stop(); took > time.Second || len(s.all()) > 0 {
			t.Errorf("the end took %v, told %v", took, s.all())
		}
	})
	inScene(t, func(s *scene) {
		s.cfg.Own = func() []netip.Addr {
			return []netip.Addr{netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("2001:db8::1")}
		}
		s.cfg.Gateway = func() netip.Addr { return netip.MustParseAddr("198.51.100.1") }
		s.router.upnp()
		s.router.pmp()
		s.run()
		time.Sleep(24 * time.Hour)
		if s.router.get(&s.router.heard)+s.router.get(&s.router.asked) != 0 {
			t.Errorf("%d searches, %d packets", s.router.get(&s.router.heard), s.router.get(&s.router.asked))
		}
	})
}

// TestRouterReturns: a router that was away, or forgot, has the mapping again after the next renewal at the latest;
// after a change of network at once.
func TestRouterReturns(t *testing.T) {
	inScene(t, func(s *scene) {
		s.router.pmp()
		m, _ := s.run()
		time.Sleep(time.Minute)
		s.router.count(func() { clear(s.router.maps) })
		time.Sleep(DefaultLease/2 + time.Minute)
		s.want("after it forgot", 6881)
		s.router.count(func() { s.router.silent = true; clear(s.router.maps) })
		time.Sleep(DefaultLease)
		if s.last() != (Mapping{}) {
			t.Errorf("told %+v while it was away", s.last())
		}
		s.router.count(func() { s.router.silent = false })
		m.Again()
		time.Sleep(time.Second)
		s.want("after a change of network", 6881)
	})
}

// TestInterrupted: at whatever moment the end comes, nothing stays mapped and it takes a second at most.
func TestInterrupted(t *testing.T) {
	for _, method := range []string{"NAT-PMP", "UPnP"} {
		for ms := 0; ms < 2400; ms += 1 + ms/100 {
			inScene(t, func(s *scene) {
				if method == "UPnP" {
					s.cfg.Gateway = func() netip.Addr { return netip.Addr{} }
					s.router.upnp()
				} else {
					s.router.pmp()
				}
				_, stop := s.run()
				time.Sleep(time.Duration(ms) * time.Millisecond)
				if took := stop(); took > time.Second {
					t.Errorf("%s after %d ms: the end took %v", method, ms, took)
				}
				time.Sleep(time.Second)
				s.want(fmt.Sprintf("%s after %d ms", method, ms), 0)
			})
		}
	}
}

// TestInterruptedRenewal: an end in the middle of a renewal leaves nothing mapped, and nothing untrue is told about
// the mapping on the way.
func TestInterruptedRenewal(t *testing.T) {
	for _, method := range []string{"NAT-PMP", "UPnP"} {
		for ms := range 40 {
			inScene(t, func(s *scene) {
				if method == "UPnP" {
					s.cfg.Gateway = func() netip.Addr { return netip.Addr{} }
					s.router.upnp()
				} else {
					s.router.pmp()
				}
				_, stop := s.run()
				for len(s.all()) == 0 {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(DefaultLease/2 - 5*time.Millisecond + time.Duration(ms)*time.Millisecond)
				stop()
				s.want(fmt.Sprintf("%s, %d ms", method, ms), 0)
				if got := s.all(); len(got) != 2 || got[1] != (Mapping{}) {
					t.Errorf("%s, %d ms: told %+v", method, ms, got)
				}
			})
		}
	}
}

// TestLostAddress: a renewal whose question for the address stays unanswered does not make the address unknown.
func TestLostAddress(t *testing.T) {
	inScene(t, func(s *scene) {
		s.cfg.Gateway = func() netip.Addr { return netip.Addr{} }
		asked := 0
		s.router.raw = func(w http.ResponseWriter, q *http.Request) bool {
			if strings.Contains(q.Header.Get("SOAPACTION"), "GetExternalIPAddress") {
				if asked++; asked > 1 {
					w.WriteHeader(500)
					return true
				}
			}
			return false
		}
		s.router.upnp()
		_, stop := s.run()
		time.Sleep(10 * DefaultLease)
		stop()
		want := Mapping{"UPnP", netip.AddrPortFrom(outside, 6881)}
		if got := s.all(); asked < 5 || len(got) != 2 || got[0] != want {
			t.Errorf("asked %d times, told %+v", asked, got)
		}
	})
}

// TestN01Elsewhere: a router that sends us to any other address, or by any other way than plain HTTP, is not followed.
func TestN01Elsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		location string
		control  string
		redirect bool
	}{
		"description of another host":   {location: "http://10.0.0.66:5000/desc.xml"},
		"description on loopback":       {location: "http://127.0.0.1:5000/desc.xml"},
		"description by name":           {location: "http://victim.test:5000/desc.xml"},
		"description over TLS":          {location: "https://10.0.0.1:5000/desc.xml"},
		"description in a file":         {location: "file:///etc/passwd"},
		"description with a user":       {location: "http://a:b@10.0.0.1:5000/desc.xml"},
		"control at another host":       {control: "http://10.0.0.66:5000/ctl"},
		"control over TLS":              {control: "https://10.0.0.1:5000/ctl"},
		"redirected to another":         {redirect: true},
		"base and control of another":   {control: "/ctl</controlURL></service></serviceList></device></deviceList></device></deviceList></device><URLBase>http://10.0.0.66:5000/</URLBase><!-- "},
		"control with a number as host": {control: "http://167772226:5000/ctl"},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				victim := s.net.Host(netip.MustParseAddr("10.0.0.66"), linkOf)
				s.net.Name("victim.test", victim.Addr())
				hit := make(chan net.Addr, 100)
				for _, h := range []interface {
					Listen(context.Context, string, string) (net.Listener, error)
				}{victim, s.us} {
					l, err := h.Listen(s.t.Context(), "tcp4", ":5000")
					if err != nil {
						t.Fatal(err)
					}
					defer l.Close()
					go func() {
						for {
							c, err := l.Accept()
							if err != nil {
								return
							}
							hit <- c.RemoteAddr()
							c.Close()
						}
					}()
				}
				s.router.location = c.location
				if c.control != "" {
					s.router.desc = fmt.Sprintf(description, c.control)
				}
				if c.redirect {
					s.router.raw = func(w http.ResponseWriter, r *http.Request) bool {
						http.Redirect(w, r, "http://10.0.0.66:5000"+r.URL.Path, http.StatusTemporaryRedirect)
						return true
					}
				}
				s.router.upnp()
				s.run()
				time.Sleep(10 * time.Minute)
				if s.router.get(&s.router.heard) == 0 || len(hit) > 0 || s.last() != (Mapping{}) {
					t.Errorf("%d searches, %d connections elsewhere, told %+v", s.router.get(&s.router.heard), len(hit), s.last())
				}
				s.want("never", 0)
			})
		})
	}
}

// TestN01Crowd: a neighbour who answers searches a hundred times does not hide the router.
func TestN01Crowd(t *testing.T) {
	inScene(t, func(s *scene) {
		s.cfg.Gateway = func() netip.Addr { return netip.Addr{} }
		crowd := s.net.Host(netip.MustParseAddr("10.0.0.66"), simnet.Link{})
		group, err := crowd.ListenMulticast(s.t.Context(), "udp4", ssdpGroup)
		if err != nil {
			t.Fatal(err)
		}
		defer group[0].Close()
		go func() {
			b := make([]byte, 2000)
			for {
				_, from, err := group[0].ReadFrom(b)
				if err != nil {
					return
				}
				for i := range 100 {
					fmt.Fprintf(writer{group[0], from}, "HTTP/1.1 200 OK\r\nST: %s1\r\nUSN: %d\r\nLOCATION: http://10.0.0.66:%d/\r\n\r\n", deviceType, i, 5000+i)
				}
			}
		}()
		s.router.upnp()
		s.run()
		time.Sleep(10 * time.Second)
		s.want("after 10 s", 6881)
	})
}

// TestN02Hostile: whatever a router answers ends in bounded time and memory, and is no mapping.
func TestN02Hostile(t *testing.T) {
	flood := func(b string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			for range 1 << 20 {
				if _, err := w.Write([]byte(b)); err != nil {
					break
				}
			}
			return true
		}
	}
	say := func(b string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { w.Write([]byte(b)); return true }
	}
	control := func(f func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool { return r.URL.Path == "/ctl" && f(w, r) }
	}
	deep := "<root>" + strings.Repeat("<device><deviceList>", 2000)
	entities := `<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><root>&b;</root>`
	for name, raw := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"endless description":    flood(strings.Repeat("<device/>", 100)),
		"endless answer":         control(flood(strings.Repeat("<x>", 100))),
		"many elements":          say("<root>" + strings.Repeat("<service/>", 100_000)),
		"deep":                   say(deep),
		"entities":               say(entities),
		"nothing":                say(""),
		"no XML":                 say("{}"),
		"no services":            say("<root><device/></root>"),
		"answer that is no SOAP": control(say("<html/>")),
		"answer that is cut":     control(say("<s:Envelope>")),
		"answer full of escapes": control(say("\x1b]52;c;eA==\a")),
		"error page":             func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(500); return true },
		"slow description":       func(http.ResponseWriter, *http.Request) bool { time.Sleep(time.Hour); return true },
		"a fault without a code": control(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(500)
			w.Write([]byte("<Fault/>"))
			return true
		}),
		"header without an end": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("X", strings.Repeat("x", 100<<10))
			return false
		},
		"compressed without need": func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write([]byte{0x1f, 0x8b})
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, func(s *scene) {
				s.router.raw = raw
				s.router.upnp()
				_, stop := s.run()
				time.Sleep(25 * time.Second)
				if s.last() != (Mapping{}) || s.router.get(&s.router.heard) == 0 {
					t.Errorf("told %+v after %d searches", s.last(), s.router.get(&s.router.heard))
				}
				if took := stop(); took > time.Second {
					t.Errorf("the end took %v", took)
				}
				s.want("at the end", 0)
				time.Sleep(2 * time.Hour) // its handlers come back
			})
		})
	}
}

// TestN02Refused: a router that refuses everything is asked little.
func TestN02Refused(t *testing.T) {
	for _, fault := range []int{conflict, actionFailed, badArguments, onlyPermanent, samePorts, 606, -1, 1 << 30} {
		inScene(t, func(s *scene) {
			s.router.fault = fault
			s.router.upnp()
			s.router.pmpCode = uint16(2 + fault%4)
			s.router.pmp()
			s.run()
			time.Sleep(time.Hour)
			if s.last() != (Mapping{}) || s.router.get(&s.router.heard) > 30 || s.router.get(&s.router.asked) > 30 {
				t.Errorf("fault %d: told %+v, %d searches, %d packets", fault, s.last(), s.router.get(&s.router.heard), s.router.get(&s.router.asked))
			}
		})
	}
}
