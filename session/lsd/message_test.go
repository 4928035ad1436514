package lsd

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"shoal/metainfo"
)

func hash(i int) (h metainfo.Hash) {
	h[0], h[1], h[19] = byte(i), byte(i>>8), 0xff
	return h
}

func hashes(n int) (out []metainfo.Hash) {
	for i := range n {
		out = append(out, hash(i))
	}
	return out
}

// TestMessage: what is written has the form of BEP 14, fits, and is read again.
func TestMessage(t *testing.T) {
	m := Message{Port: 6881, Hashes: hashes(1), Cookie: "abc"}
	want := "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: " + hash(0).String() + "\r\ncookie: abc\r\n\r\n\r\n"
	if got := string(m.Append(nil, Group4)); got != want {
		t.Errorf("%q", got)
	}
	if got := string(m.Append(nil, Group6)); !strings.Contains(got, "\r\nHost: [ff15::efc0:988f]:6771\r\n") {
		t.Errorf("%q", got)
	}
	for _, m := range []Message{
		{Port: 1, Hashes: hashes(1)}, {Port: 65535, Hashes: hashes(MaxHashes), Cookie: strings.Repeat("c", maxCookie)},
	} {
		b := m.Append(nil, Group6)
		got, err := Parse(b)
		if err != nil || !reflect.DeepEqual(got, m) || len(b) >= MaxMessage {
			t.Errorf("%d bytes: %+v, %v", len(b), got, err)
		}
	}
}

// TestL01Parse: what other programs send, and what nobody should.
func TestL01Parse(t *testing.T) {
	h, first := hash(7).String(), "BT-SEARCH * HTTP/1.1\r\n"
	many := ""
	for _, x := range hashes(30) {
		many += "Infohash: " + x.String() + "\r\n"
	}
	for name, c := range map[string]struct {
		in   string
		want string // port, torrents, cookie; "" for refused
	}{
		"as in BEP 14":          {first + "Host: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: " + h + "\r\ncookie: x\r\n\r\n\r\n", "6881 1 x"},
		"no cookie":             {first + "Port: 6881\r\nInfohash: " + h + "\r\n\r\n\r\n", "6881 1 "},
		"one empty line":        {first + "Port: 6881\r\nInfohash: " + h + "\r\n\r\n", "6881 1 "},
		"no empty line":         {first + "Port: 6881\r\nInfohash: " + h, "6881 1 "},
		"bare line feeds":       {"BT-SEARCH * HTTP/1.1\nPort: 6881\nInfohash: " + h + "\n\n", "6881 1 "},
		"other case, no blanks": {first + "PORT:6881\r\nINFOHASH:" + strings.ToUpper(h) + "\r\n\r\n", "6881 1 "},
		"unknown fields":        {first + "X: y:z\r\nPort: 6881\r\nInfohash: " + h + "\r\n\r\n", "6881 1 "},
		"text after the end":    {first + "Port: 6881\r\nInfohash: " + h + "\r\n\r\nPort: 1\r\n", "6881 1 "},
		"the same twice":        {first + "Port: 6881\r\nInfohash: " + h + "\r\nInfohash: " + h + "\r\n\r\n", "6881 1 "},
		"20 of 26 are taken":    {first + "Port: 6881\r\n" + many[:26*52] + "\r\n", "6881 20 "},
		"a bad one among two":   {first + "Port: 6881\r\nInfohash: zz" + h[2:] + "\r\nInfohash: " + h + "\r\n\r\n", "6881 1 "},
		"39 digits":             {first + "Port: 6881\r\nInfohash: " + h[1:] + "\r\n\r\n", ""},
		"41 digits":             {first + "Port: 6881\r\nInfohash: 0" + h + "\r\n\r\n", ""},
		"no torrent":            {first + "Port: 6881\r\n\r\n", ""},
		"no port":               {first + "Infohash: " + h + "\r\n\r\n", ""},
		"port 0":                {first + "Port: 0\r\nInfohash: " + h + "\r\n\r\n", ""},
		"port 65536":            {first + "Port: 65536\r\nInfohash: " + h + "\r\n\r\n", ""},
		"port -1":               {first + "Port: -1\r\nInfohash: " + h + "\r\n\r\n", ""},
		"port +5":               {first + "Port: +5\r\nInfohash: " + h + "\r\n\r\n", ""},
		"two ports":             {first + "Port: 6881\r\nPort: 6882\r\nInfohash: " + h + "\r\n\r\n", ""},
		"a line without colon":  {first + "Port: 6881\r\nhello\r\nInfohash: " + h + "\r\n\r\n", ""},
		"a long cookie":         {first + "Port: 6881\r\nInfohash: " + h + "\r\ncookie: " + strings.Repeat("c", 65) + "\r\n\r\n", "6881 1 "},
		"another protocol":      {"M-SEARCH * HTTP/1.1\r\nPort: 6881\r\nInfohash: " + h + "\r\n\r\n", ""},
		"another version":       {"BT-SEARCH * HTTP/1.10\r\nPort: 6881\r\nInfohash: " + h + "\r\n\r\n", ""},
		"65 lines":              {first + strings.Repeat("a:\r\n", 64) + "Port: 6881\r\nInfohash: " + h + "\r\n\r\n", ""},
		"too long":              {first + "Port: 6881\r\nInfohash: " + h + "\r\nX: " + strings.Repeat("x", MaxMessage) + "\r\n\r\n", ""},
		"nothing":               {"", ""},
	} {
		m, err := Parse([]byte(c.in))
		got := ""
		if err == nil {
			got = fmt.Sprintf("%d %d %s", m.Port, len(m.Hashes), m.Cookie)
		} else if !errors.Is(err, errMessage) {
			t.Errorf("%s: %v", name, err)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, got, c.want, err)
		}
	}
}

// TestL01Truncated: no cut of a message is read as one that was not sent.
func TestL01Truncated(t *testing.T) {
	m := Message{Port: 6881, Hashes: hashes(3), Cookie: "0123"}
	b := m.Append(nil, Group4)
	for n := range b {
		got, err := Parse(b[:n:n])
		if err != nil {
			continue
		}
		if got.Port != m.Port || len(got.Hashes) > len(m.Hashes) || !strings.HasPrefix(m.Cookie, got.Cookie) {
			t.Errorf("cut at %d: %+v", n, got)
		}
		for i, h := range got.Hashes {
			if h != m.Hashes[i] {
				t.Errorf("cut at %d: torrent %d is %v", n, i, h)
			}
		}
	}
}

// FuzzLSD: any datagram is refused or read within the limits, and what was read is written and read the same.
func FuzzLSD(f *testing.F) {
	m := Message{Port: 6881, Hashes: hashes(2), Cookie: "cookie"}
	f.Add(m.Append(nil, Group4))
	m.Hashes = hashes(MaxHashes)
	f.Add(m.Append(nil, Group6))
	f.Add([]byte("BT-SEARCH * HTTP/1.1\nport:1\ninfohash:" + hash(1).String() + "\n\n"))
	f.Add([]byte("BT-SEARCH * HTTP/1.1\r\n:\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		if m.Port == 0 || len(m.Hashes) == 0 || len(m.Hashes) > MaxHashes || len(m.Cookie) > maxCookie {
			t.Fatalf("out of bounds: %+v", m)
		}
		again := m.Append(nil, Group6)
		if len(again) > MaxMessage {
			t.Fatalf("%d bytes", len(again))
		}
		got, err := Parse(again)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("%+v became %+v, %v\n%q\n%q", m, got, err, b, bytes.TrimSpace(again))
		}
	})
}
