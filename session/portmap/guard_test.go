package portmap

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"shoal/internal/simnet"
)

var linkOf = simnet.Link{Latency: time.Millisecond}

// TestN02Scan: what a description may hold.
func TestN02Scan(t *testing.T) {
	for name, c := range map[string]struct {
		in string
		ok bool
	}{
		"a description":   {fmt.Sprintf(description, "/ctl"), true},
		"another charset": {`<?xml version="1.0" encoding="iso-8859-1"?><root/>`, true},
		"no XML":          {"hello", true},
		"elements":        {"<a>" + strings.Repeat("<b/>", maxElements-1), true},
		"too many":        {"<a>" + strings.Repeat("<b/>", maxElements), false},
		"attributes":      {"<a " + strings.Repeat(`b="" `, maxElements) + ">", false},
		"deep":            {strings.Repeat("<a>", maxDepth), true},
		"too deep":        {strings.Repeat("<a>", maxDepth+1), false},
		"a document type": {"<!DOCTYPE a><a/>", false},
	} {
		if err := scanXML([]byte(c.in)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestN01Answer: which answers to a search count.
func TestN01Answer(t *testing.T) {
	req := &http.Request{Method: "M-SEARCH", URL: &url.URL{Opaque: "*"}}
	for _, c := range []struct {
		from, status, location string
		ok                     bool
	}{
		{"10.0.0.1", "200 OK", "http://10.0.0.1:5000/x", true},
		{"10.0.0.1", "200 OK", "http://10.0.0.1/x", true},
		{"10.0.0.1", "404 no", "http://10.0.0.1:5000/x", false},
		{"10.0.0.1", "200 OK", "http://10.0.0.2:5000/x", false},
		{"10.0.0.1", "200 OK", "https://10.0.0.1:5000/x", false},
		{"10.0.0.1", "200 OK", "http://router:5000/x", false},
		{"10.0.0.1", "200 OK", "/x", false},
		{"10.0.0.1", "200 OK", "", false},
		{"198.51.100.1", "200 OK", "http://198.51.100.1:5000/x", false},
		{"127.0.0.1", "200 OK", "http://127.0.0.1:5000/x", false},
	} {
		b := fmt.Sprintf("HTTP/1.1 %s\r\nLOCATION: %s\r\n\r\n", c.status, c.location)
		if _, err := parseAnswer([]byte(b), netip.MustParseAddr(c.from), req); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
		for n := range b {
			parseAnswer([]byte(b[:n]), netip.MustParseAddr(c.from), req) // no cut does harm
		}
	}
}

// TestServices: the best service first, and those of nested devices.
func TestServices(t *testing.T) {
	at, _ := url.Parse("http://10.0.0.1:5000/desc.xml")
	c := newNear(nil, routerAddr)
	two := strings.Replace(fmt.Sprintf(description, "ctl1"), "<serviceList>",
		"<serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:2</serviceType><controlURL>/ctl2</controlURL></service>", 1)
	got, err := c.parse([]byte(two), at)
	if err != nil || len(got) != 2 || got[0].service != services[0] || got[0].soap.EndpointURL.String() != "http://10.0.0.1:5000/ctl2" || got[1].soap.EndpointURL.Path != "/ctl1" {
		t.Errorf("%+v, %v", got, err)
	}
	many := strings.Replace(two, "<serviceList>", "<serviceList>"+strings.Repeat("<service><serviceType>"+services[0]+"</serviceType><controlURL>/x</controlURL></service>", 100), 1)
	if got, err := c.parse([]byte(many), at); err != nil || len(got) != maxServices {
		t.Errorf("%d services, %v", len(got), err)
	}
}

// FuzzDescription: whatever a router describes, its services are at its own address.
func FuzzDescription(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(description, "/ctl")))
	f.Add([]byte(fmt.Sprintf(description, "http://10.0.0.66/ctl")))
	f.Add([]byte("<root><URLBase>http://10.0.0.66/</URLBase></root>"))
	at, _ := url.Parse("http://10.0.0.1:5000/desc.xml")
	f.Fuzz(func(t *testing.T, b []byte) {
		if scanXML(b) != nil {
			return
		}
		got, err := newNear(nil, routerAddr).parse(b, at)
		if err != nil {
			return
		}
		for _, g := range got {
			if u := g.soap.EndpointURL; u.Scheme != "http" || u.Hostname() != "10.0.0.1" {
				t.Fatalf("a service at %s", u.String())
			}
		}
	})
}
