package text

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

const key32 = "0123456789abcdef0123456789abcdef"

// TestK01Masked: no secret is left in text, and what is no secret stays readable.
func TestK01Masked(t *testing.T) {
	for in, want := range map[string]string{
		"http://t.example/" + key32 + "/announce":                  "http://t.example/***/announce",
		"http://t.example:80/announce.php?passkey=" + key32 + "&x": "http://t.example:80/announce.php?passkey=***&***",
		"https://user:pw@t.example/announce":                       "https://***@t.example/announce",
		"https://user:p#w@t.example/announce":                      "https://***",
		"https://user:p/w@t.example/announce":                      "https://***",
		"https://user:p?w@t.example/announce":                      "https://***",
		"http://t.example:80/a@b#c":                                "http://t.example:80/a@b#***",
		"https://us@er:p@t.example/a b":                            "https://***@t.example/a b",
		"udp://t.example:6969/announce":                            "udp://t.example:6969/announce",
		"http://t.example/Ab3/announce":                            "http://t.example/***/announce",
		"wss://t.example/socket#tok":                               "wss://t.example/socket#***",
		"https://example.org/lists/level1.gz":                      "https://example.org/lists/level1.gz",
		"https://example.org/debian-13.2.0-amd64.iso.torrent":      "https://example.org/debian-13.2.0-amd64.iso.torrent",
		"https://t.example/dl/" + key32 + ".torrent":               "https://t.example/dl/***",
		"https://t.example/rss/aQxkzPqRTvBnMLwErTyUiOpK":           "https://t.example/rss/***",
		`Get "http://t.example/a?auth=x": dial tcp: refused`:       `Get "http://t.example/a?auth=***": dial tcp: refused`,
		"see http://t.example/announce?k=v.":                       "see http://t.example/announce?k=***.",
		"socks5://me:secret@127.0.0.1:1080":                        "socks5://***@127.0.0.1:1080",
		"magnet:?xt=urn:btih:" + key32 + "01234567&dn=a+b&tr=http%3A%2F%2Ft.example%2F" + key32 + "%2Fannounce": "magnet:?xt=urn:btih:" + key32 + "01234567&dn=a+b&tr=http%3A%2F%2Ft.example%2F***%2Fannounce",
		"magnet:?tr.1=udp%3A%2F%2Fa%3Ab%40t.example&x.pe=1.2.3.4:5":                                             "magnet:?tr.1=udp%3A%2F%2F***%40t.example&x.pe=1.2.3.4:5",
		"magnet:?tr=%zz&xt=urn:btih:a":                            "magnet:?tr=***&xt=urn:btih:a",
		"Authorization: Basic dXNlcjpwYXNz":                       "Authorization: ***",
		"Cookie: a=b; c=d":                                        "Cookie: ***",
		fmt.Sprint(http.Header{"Cookie": {"a=b"}, "Host": {"x"}}): "map[Cookie:*** Host:[x]]",
		"got Bearer abcdefgh.ijk":                                 "got Bearer ***",
		`{"password":"a b","user":"me"}`:                          `{"password":***,"user":"me"}`,
		"rpc_password=hunter2 and more":                           "rpc_password=*** and more",
		"passkey: abc, token=def":                                 "passkey: ***, token=***",
		"wrong password":                                          "wrong password",
		"piece 7: hash differs":                                   "piece 7: hash differs",
		"password_file = /etc/shoal/pw":                           "password_file = /etc/shoal/pw",
		"info hash " + key32 + "01234567":                         "info hash " + key32 + "01234567",
		"":                                                        "",
	} {
		got := Mask(in)
		if got != want {
			t.Errorf("Mask(%q)\n = %q\nnot %q", in, got, want)
		}
		if again := Mask(got); again != got {
			t.Errorf("Mask(%q) = %q", got, again)
		}
	}
}

// TestK01LogMasked: secrets do not get into a log, in whatever an attribute holds them.
func TestK01LogMasked(t *testing.T) {
	secret := "5ecre7" + key32
	where := "http://u:" + secret + "@t.example/" + secret + "/announce?a=" + secret
	var out bytes.Buffer
	log := slog.New(NewHandler(slog.NewJSONHandler(&out, nil)))
	log = log.With("tracker", where, "cookie", "a="+secret).WithGroup("g").With("password", secret)
	cause := fmt.Errorf("announce: %w", errors.Join(errors.New("Get \""+where+"\": refused"), errors.New("Cookie: "+secret)))
	log.Info("asked "+where, "err", cause, "url", where, slog.Group("rpc", "authorization", "Basic "+secret, "token", secret),
		"list", []string{where}, "header", http.Header{"Authorization": {"Basic " + secret}}, "rpc_token", []byte(secret))
	if strings.Contains(out.String(), secret) || strings.Contains(out.String(), "5ecre7") {
		t.Errorf("a secret is in the log: %s", out.String())
	}
	for _, kept := range []string{"t.example", "refused", `"authorization":"***"`} {
		if !strings.Contains(out.String(), kept) {
			t.Errorf("%s is not in the log: %s", kept, out.String())
		}
	}
}

func TestSecretNames(t *testing.T) {
	for name, want := range map[string]bool{
		"password": true, "RPC_Password": true, "cookie": true, "Cookies": true, "authorization": true, "torrent_pass": true, "x.api-key": true,
		"": false, "password_file": false, "torrent": false, "tracker": false, "pieces": false, "keyboard": false,
	} {
		if Secret(name) != want {
			t.Errorf("Secret(%q) = %v", name, !want)
		}
	}
}

// FuzzMask: masking never fails, is done after once, and lets no passkey through.
func FuzzMask(f *testing.F) {
	for _, s := range []string{"http://a:b@c/d?e=f#g", "magnet:?tr=http%3A%2F%2Fa%2Fb", "Cookie: a", "password=\"a", "a://b://c?d=http://e", "basic basic aaaaaaaaa", "magnet:?", "x://"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if once := Mask(a); Mask(once) != once {
			t.Errorf("%q: %q, then %q", a, once, Mask(once))
		}
		if got := Mask(a + " http://t.example/announce?passkey=" + key32 + " " + b); strings.Contains(got, key32) {
			t.Errorf("the passkey is in %q", got)
		}
	})
}
