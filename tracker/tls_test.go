package tracker

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"shoal/internal/simnet"
)

// certificate makes a certificate for host; root is nil for a self-signed authority.
func certificate(t *testing.T, host string, from, to time.Time, root *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotBefore: from, NotAfter: to,
		IsCA: root == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	parent, signer := c, any(key)
	if root != nil {
		parent, signer = root.Leaf, root.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// upAndDown redirects ?up to https and ?down to http, and counts what else it answers.
func upAndDown(answered *int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.RawQuery, "up&"):
			http.Redirect(w, r, "https://tracker.test/announce", http.StatusFound)
		case strings.HasPrefix(r.URL.RawQuery, "down&"):
			http.Redirect(w, r, "http://tracker.test/announce", http.StatusFound)
		default:
			*answered++
			io.WriteString(w, good)
		}
	}
}

// TestH06Certificates: a bad certificate fails the tracker with a clear message,
// and nothing of the request, which may hold a passkey, is sent.
func TestH06Certificates(t *testing.T) {
	// The clock of a bubble begins in 2000.
	from, to := time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	root := certificate(t, "root", from, to, nil)
	there := netip.MustParseAddr("203.0.113.1")
	trusted := x509.NewCertPool()
	trusted.AddCert(root.Leaf)
	for name, c := range map[string]struct {
		cert tls.Certificate
		url  string
		want string // "" for success
	}{
		"good":            {certificate(t, "tracker.test", from, to, &root), "https://tracker.test/announce", ""},
		"unknown issuer":  {certificate(t, "tracker.test", from, to, nil), "https://tracker.test/announce", "unknown authority"},
		"expired":         {certificate(t, "tracker.test", from, from.AddDate(0, 6, 0), &root), "https://tracker.test/announce", "expired"},
		"not yet valid":   {certificate(t, "tracker.test", to.AddDate(-1, 0, 0), to, &root), "https://tracker.test/announce", "not yet valid"},
		"wrong host":      {certificate(t, "other.test", from, to, &root), "https://tracker.test/announce", "not tracker.test"},
		"no TLS":          {tls.Certificate{}, "https://tracker.test/announce", "does not look like a TLS handshake"},
		"down to http":    {certificate(t, "tracker.test", from, to, &root), "https://tracker.test/announce?down", "from https to http"},
		"bad on redirect": {certificate(t, "other.test", from, to, &root), "http://tracker.test/announce?up", "not tracker.test"},
	} {
		t.Run("H06 "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				secure := 0
				n := simnet.New(1)
				n.Name("tracker.test", there)
				host, here := n.Host(there, simnet.Link{}), n.Host(netip.MustParseAddr("203.0.113.2"), simnet.Link{})
				quiet := &http.Server{Handler: upAndDown(&secure), ErrorLog: log.New(io.Discard, "", 0)}
				for _, port := range []string{"80", "443"} {
					l, err := host.Listen(t.Context(), "tcp", ":"+port)
					if err != nil {
						t.Fatal(err)
					}
					if port == "443" && c.cert.PrivateKey != nil {
						l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{c.cert}})
					}
					go quiet.Serve(l)
				}
				cl := NewClient(here.Dial, Options{Roots: trusted, Lookup: here.Lookup})
				_, err := cl.Announce(t.Context(), request(c.url))
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if (secure == 1) != (c.want == "") {
					t.Errorf("%d announces reached the tracker", secure)
				}
				cl.Close()
				quiet.Close()
				time.Sleep(time.Minute) // virtual: what is closing ends
			})
		})
	}
}
