package metainfo

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const (
	hex40 = "c0fda1edafdbdbb96443424e0b3899af7159d10e"
	b32   = "YD62D3NP3PN3SZCDIJHAWOEZV5YVTUIO"
	hex64 = "108ac2c3718ce722e6896edc56c4afa98f1d711ecaace7aad74fca418ebd03de"
)

func magnet(t *testing.T, s string) Magnet {
	t.Helper()
	m, err := ParseMagnet(s)
	if err != nil {
		t.Fatalf("%.100q: %v", s, err)
	}
	return m
}

func noMagnet(t *testing.T, s string, words ...string) {
	t.Helper()
	m, err := ParseMagnet(s)
	if !errors.Is(err, ErrInvalid) || !reflect.DeepEqual(m, Magnet{}) {
		t.Errorf("%.100q: %v", s, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%.100q: %q does not say %q", s, err, w)
		}
	}
}

func TestMagnetFull(t *testing.T) {
	link := "magnet:?xt=urn:btih:" + hex40 + "&xt=urn:btmh:1220" + hex64 + "&dn=a%20b%26c&xl=42" +
		"&tr=http%3A%2F%2Ft.example%2Fannounce%3Fk%3D1&tr=udp%3A%2F%2Ft.example%3A6969" +
		"&ws=https%3A%2F%2Fw.example%2Ff&x.pe=192.0.2.1:6881&x.pe=[2001:db8::1]:6881&x.pe=host.example:7000&so=0,2,4-6"
	m := magnet(t, link)
	want := Magnet{
		Name: "a b&c", Length: 42,
		Trackers: []string{"http://t.example/announce?k=1", "udp://t.example:6969"},
		WebSeeds: []string{"https://w.example/f"},
		Peers:    []string{"192.0.2.1:6881", "[2001:db8::1]:6881", "host.example:7000"},
		Select:   []Range{{0, 0}, {2, 2}, {4, 6}},
	}
	want.ID = m.ID
	if m.ID.V1.String() != hex40 || m.ID.V2.String() != hex64 || !reflect.DeepEqual(m, want) {
		t.Errorf("%+v", m)
	}
	if got := m.String(); got != link {
		t.Errorf("String() =\n%s\nwant\n%s", got, link)
	}
}

func TestMagnetForms(t *testing.T) {
	for _, s := range []string{
		"magnet:?xt=urn:btih:" + hex40,
		"magnet:?xt=urn:btih:" + strings.ToUpper(hex40),
		"magnet:?xt=urn:btih:" + b32,
		"magnet:?xt=urn:btih:" + strings.ToLower(b32),
		"MAGNET:?XT=URN:BTIH:" + hex40,
		"magnet:?xt.1=urn:btih:" + hex40 + "&xt.2=urn:btih:" + b32,
		"magnet:?dn=x&amp;xt=urn:btih:" + hex40,
		" magnet:?xt=urn:btih:" + hex40 + "\n",
		"magnet:/?xt=urn:btih:" + hex40,
		"magnet://?xt=urn:btih:" + hex40,
		"magnet:?xt=urn%3Abtih%3A" + hex40,
		"magnet:?xt=urn:sha1:PLSTHIPQGSSZTS5FJUPAKUZWUGYQYPFB&xt=urn:btih:" + hex40,
	} {
		if m := magnet(t, s); m.ID.V1.String() != hex40 || m.ID.HasV2() {
			t.Errorf("%q: %+v", s, m.ID)
		}
	}
	m := magnet(t, "magnet:?xt=urn:btmh:1220"+hex64)
	if m.ID.HasV1() || m.ID.V2.String() != hex64 {
		t.Errorf("%+v", m.ID)
	}
	m = magnet(t, "magnet:?xt=urn:btih:"+hex40+"&dn=one+two&dn=three&xl=-5&tr=http://a.example/announce&tr=http://a.example/announce&tr=%zz&tr.1=http://b.example")
	if m.Name != "one two" || m.Length != 0 || len(m.Trackers) != 2 || len(m.Warnings) != 1 {
		t.Errorf("%+v", m)
	}
}

// G01: links without one clear info hash are refused in clear words.
func TestG01InfoHash(t *testing.T) {
	noMagnet(t, "magnet:?dn=x", "no info hash")
	noMagnet(t, "magnet:?", "no info hash")
	noMagnet(t, "magnet:?xt=urn:sha1:PLSTHIPQGSSZTS5FJUPAKUZWUGYQYPFB", "no torrent")
	noMagnet(t, "magnet:?xt=urn:btih:"+hex40+"&xt=urn:btih:"+strings.Repeat("1", 40), "two different torrents")
	noMagnet(t, "magnet:?xt=urn:btmh:1220"+hex64+"&xt=urn:btmh:1220"+strings.Repeat("1", 64), "two different torrents")
	noMagnet(t, "magnet:?xt=urn:btih:"+hex40[1:], "39 characters", "40 hex digits or 32 base32")
	noMagnet(t, "magnet:?xt=urn:btih:"+hex40+"0", "41 characters")
	noMagnet(t, "magnet:?xt=urn:btih:", "0 characters")
	noMagnet(t, "magnet:?xt=urn:btih:"+hex40[1:]+"g", "neither hex nor base32")
	noMagnet(t, "magnet:?xt=urn:btih:"+b32[1:]+"1", "neither hex nor base32")
	noMagnet(t, "magnet:?xt=urn:btih:"+b32[1:]+"=", "neither hex nor base32")
	noMagnet(t, "magnet:?xt=urn:btih:"+strings.Repeat("0", 40), "zeros")
	noMagnet(t, "magnet:?xt=urn:btmh:1220"+hex64[2:], "v2 info hash")
	noMagnet(t, "magnet:?xt=urn:btmh:1114"+hex40, "v2 info hash")
	noMagnet(t, "magnet:?xt=urn:btmh:"+hex64, "v2 info hash")
	noMagnet(t, "http://example.com/?xt=urn:btih:"+hex40, "not a magnet link")
	noMagnet(t, "magnet:xt=urn:btih:"+hex40, "not a magnet link")
	noMagnet(t, "magnet:x?xt=urn:btih:"+hex40, "not a magnet link")
	noMagnet(t, "", "not a magnet link")
}

// G02: 64 KiB at most; 100 trackers are kept and the rest is counted.
func TestG02Size(t *testing.T) {
	link := "magnet:?xt=urn:btih:" + hex40
	noMagnet(t, link+"&dn="+strings.Repeat("x", 1<<20), "longer than 64 KiB")
	noMagnet(t, link+strings.Repeat("&tr=http://t.example/", 10_000), "longer than 64 KiB")
	if m := magnet(t, link+strings.Repeat("&tr=", 10_000)); m.Trackers != nil || m.Warnings != nil {
		t.Errorf("%+v", m)
	}
	var b strings.Builder
	b.WriteString(link)
	for i := range 1300 {
		fmt.Fprintf(&b, "&tr=udp://t%d.example:80&x.pe=192.0.2.1:%d", i, 2000+i)
	}
	if b.Len() > 64<<10 {
		t.Fatal(b.Len())
	}
	m := magnet(t, b.String())
	if len(m.Trackers) != 100 || m.Trackers[99] != "udp://t99.example:80" || len(m.Peers) != 100 {
		t.Errorf("%d trackers, %d peers", len(m.Trackers), len(m.Peers))
	}
	if w := strings.Join(m.Warnings, "\n"); !strings.Contains(w, "1200 trackers beyond the first 100 are left out") {
		t.Errorf("%q", w)
	}
}

// G03: only tracker schemes, on this machine only /announce, no peers on service ports.
func TestG03Schemes(t *testing.T) {
	link := "magnet:?xt=urn:btih:" + hex40
	for _, bad := range []string{
		"tr=file:///etc/passwd", "tr=javascript:alert(1)", "tr=ftp://t.example/announce", "tr=wss://t.example", "tr=t.example/announce",
		"tr=http://127.0.0.1:8080/x%3Fy", "tr=http://localhost:8080/", "tr=http://LOCALHOST./x", "tr=http://[::1]:80/api", "tr=https://0.0.0.0/x",
		"tr=http://[::ffff:127.0.0.1]/x", "tr=http://a.localhost/x", "tr=http://127.0.0.1/x/announce", "tr=http://127.0.0.1/announce/../x",
		"tr=http:///announce", "tr=http://t.example:99999/", "tr=udp://t.example", "tr=http://t%20t/", "tr=http://" + strings.Repeat("x", 5000),
		"ws=file:///etc/passwd", "ws=ftp://w.example/f", "ws=javascript:alert(1)",
		"x.pe=127.0.0.1:22", "x.pe=192.0.2.1:1023", "x.pe=192.0.2.1:0", "x.pe=192.0.2.1:65536", "x.pe=192.0.2.1", "x.pe=:6881", "x.pe=a/b:6881",
	} {
		m := magnet(t, link+"&"+bad)
		if len(m.Trackers)+len(m.WebSeeds)+len(m.Peers) != 0 || len(m.Warnings) != 1 || !strings.Contains(m.Warnings[0], "left out") {
			t.Errorf("%s: %+v", bad, m)
		}
	}
	for _, good := range []string{
		"tr=http://127.0.0.1:8080/announce", "tr=http://localhost/announce%3Fkey%3D1", "tr=http://[::1]:80/announce", "tr=udp://127.0.0.1:6969/announce",
		"tr=https://t.example/x%3Fy", "tr=http://192.0.2.1/", "tr=%20HTTP://t.example/announce", "ws=http://127.0.0.1:8080/x",
		"x.pe=127.0.0.1:1024", "x.pe=[::1]:6881", "x.pe=10.0.0.1:65535",
	} {
		m := magnet(t, link+"&"+good)
		if len(m.Trackers)+len(m.WebSeeds)+len(m.Peers) != 1 || len(m.Warnings) != 0 {
			t.Errorf("%s: %+v", good, m)
		}
	}
}

// G04: text that looks like an option is text.
func TestG04OptionLike(t *testing.T) {
	noMagnet(t, "--config=/x", "not a magnet link")
	noMagnet(t, "-magnet:?xt=urn:btih:"+hex40, "not a magnet link")
	if _, err := ParseID("--config=/x"); !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
	refused(t, []byte("--config=/x"), "not a torrent")
}

func TestMagnetSelect(t *testing.T) {
	link := "magnet:?xt=urn:btih:" + hex40 + "&so="
	for in, want := range map[string]string{
		"0": "0", "3,1,2": "1-3", "4-6,5-9": "4-9", "1,1": "1", "0-1048575": "0-1048575", "7,0-2,4": "0-2,4,7",
	} {
		m := magnet(t, link+in)
		if got := formatSelect(m.Select); got != want {
			t.Errorf("so=%s: %s", in, got)
		}
	}
	for _, bad := range []string{"", "x", "-1", "1-", "3-1", "1,,2", "99999999999", "1048576", "+1", "1%20", "1-2-3", strings.Repeat("1,", 2000) + "1"} {
		noMagnet(t, link+strings.ReplaceAll(bad, "+", "%2B"), "so")
	}
}

func TestParseID(t *testing.T) {
	for _, s := range []string{hex40, strings.ToUpper(hex40), b32} {
		if id, err := ParseID(s); err != nil || id.String() != hex40 {
			t.Errorf("%s: %v %v", s, id, err)
		}
	}
	if id, err := ParseID(hex64); err != nil || id.V2.String() != hex64 || id.HasV1() {
		t.Errorf("%v %v", id, err)
	}
	for _, s := range []string{"", "x", hex40[1:], hex64[1:] + "g", b32 + "A"} {
		if _, err := ParseID(s); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestTorrentMagnet(t *testing.T) {
	tor := parses(t, []byte(encode(dict{"info": single(), "announce-list": []any{
		[]any{"http://a.example/announce", "http://b.example/announce"}, []any{"udp://c.example:80"}},
		"url-list": "http://w.example/"})))
	m := magnet(t, tor.Magnet().String())
	if m.ID != tor.ID || m.Name != "file" || m.Length != 5 || len(m.Trackers) != 3 || len(m.WebSeeds) != 1 {
		t.Errorf("%+v", m)
	}
}
