//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// refusal is how long a pair that must not meet is watched; who failed dials again within it.
const refusal = 4 * time.Second

// The methods of an encrypted handshake, as bits.
const (
	plaintext = 1 << iota
	rc4
)

// crypto is what a client's settings let it do.
type crypto struct {
	name    string
	bare    bool // it makes and takes plain handshakes
	methods int  // of the encrypted handshake; 0: it makes and takes none
}

// cryptic is another client with its settings.
type cryptic struct {
	crypto
	client func(*interopWorld, netip.AddrPort) *foreign
}

var ourPolicies = []crypto{{"prefer", true, plaintext | rc4}, {"require", false, rc4}, {"off", true, 0}}

// TestInteropEncryption: every pair of policies, dialled from both sides, moves the torrent exactly where both policies allow
// it, and not a byte of it elsewhere. All that goes over the wire is looked at: what is forced is never broken.
func TestInteropEncryption(t *testing.T) {
	if os.Getenv(inside) == "" {
		enterNamespace(t)
		return
	}
	w := newInteropWorld(t)
	file := filepath.Join(w.dir, "src", "small.bin")
	if err := fillRandom(file, 300_000); err != nil {
		t.Fatal(err)
	}
	small := content{"small.bin", filepath.Dir(file), filepath.Join(w.dir, "small.torrent")}
	output(t, "shoal", "create", file, "-o", small.file, "--tracker", w.tracker.url(ourV4))
	payload, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, them := range cryptics() {
		for _, us := range ourPolicies {
			for _, weDial := range []bool{true, false} {
				w.runEncrypted(t, us, them, weDial, small, payload)
			}
		}
	}
}

// cryptics are the other clients in all settings that differ.
func cryptics() (all []cryptic) {
	for _, level := range []struct {
		name    string
		methods int
	}{{"plaintext", plaintext}, {"rc4", rc4}, {"both", plaintext | rc4}} {
		for policy, name := range []string{"forced", "enabled"} {
			all = append(all, cryptic{crypto{"libtorrent " + name + " " + level.name, name != "forced", level.methods}, crypticLibtorrent(policy, level.methods)})
		}
	}
	return append(all,
		cryptic{crypto{"libtorrent disabled", true, 0}, crypticLibtorrent(2, plaintext|rc4)},
		cryptic{crypto{"aria2", true, plaintext | rc4}, crypticAria2()},
		cryptic{crypto{"aria2 min arc4", true, rc4}, crypticAria2("--bt-min-crypto-level=arc4")},
		cryptic{crypto{"aria2 require", false, plaintext | rc4}, crypticAria2("--bt-require-crypto=true")},
		cryptic{crypto{"aria2 require arc4", false, rc4}, crypticAria2("--bt-require-crypto=true", "--bt-min-crypto-level=arc4")},
		cryptic{crypto{"aria2 force", false, rc4}, crypticAria2("--bt-force-encryption=true")},
	)
}

func crypticLibtorrent(policy, level int) func(*interopWorld, netip.AddrPort) *foreign {
	return func(_ *interopWorld, at netip.AddrPort) *foreign {
		settings, err := json.Marshal(map[string]int{
			"in_enc_policy": policy, "out_enc_policy": policy, "allowed_enc_level": level, "min_reconnect_time": 1,
		})
		return &foreign{name: "libtorrent", command: func(torrent, dir string) *exec.Cmd {
			cmd := exec.Command(systemPython, filepath.Join("testdata", "interop", "lt.py"), torrent, dir, at.String(), string(settings))
			cmd.Err = err
			return cmd
		}}
	}
}

func crypticAria2(more ...string) func(*interopWorld, netip.AddrPort) *foreign {
	return func(w *interopWorld, at netip.AddrPort) *foreign {
		f := aria2(w, at)
		plain := f.command
		f.command = func(torrent, dir string) *exec.Cmd {
			cmd := plain(torrent, dir)
			cmd.Args = append(cmd.Args[:len(cmd.Args)-1], append(more, torrent)...)
			return cmd
		}
		return f
	}
}

// runEncrypted has one pair meet through a wiretap. Whoever dials downloads.
func (w *interopWorld) runEncrypted(t *testing.T, us crypto, them cryptic, weDial bool, c content, payload []byte) {
	ourAddr, theirAddr, tapAddr := w.address(ourV4), w.address(theirV4), w.address("10.88.0.3")
	other := them.client(w, theirAddr)
	name := us.name + " is dialled by " + them.name
	if weDial {
		name = us.name + " dials " + them.name
	}
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		out := t.TempDir()
		dialled := ourAddr
		if weDial {
			dialled = theirAddr
		}
		tap := newWiretap(t, tapAddr, dialled)
		meet := us.bare && them.bare || us.methods&them.methods != 0
		if weDial {
			they := w.tracker.actor(theirAddr, netip.AddrPort{})
			w.tracker.actor(ourAddr, tapAddr)
			other.start(t, c.file, c.dir)
			they.wait(t, other.running, true)
			w.shoal(t, interopCase{get: true, torrent: c}, ourAddr, out, "--encryption", us.name)
		} else {
			we := w.tracker.actor(ourAddr, netip.AddrPort{})
			w.tracker.actor(theirAddr, tapAddr)
			shoal := w.shoal(t, interopCase{torrent: c}, ourAddr, c.dir, "--encryption", us.name)
			we.wait(t, shoal, true)
			other.start(t, c.file, out)
		}
		if meet {
			eventually(t, "the torrent has moved", func() error {
				return same(filepath.Join(c.dir, c.name), filepath.Join(out, c.name), false)
			})
		} else {
			tap.refused(t)
		}
		dialler, acceptor := tap.heard()
		ours, theirs := acceptor, dialler
		if weDial {
			ours, theirs = dialler, acceptor
		}
		checkWire(t, us, them.crypto, meet, weDial, ours, theirs, payload)
	})
}

// checkWire looks at all that both sides have sent.
func checkWire(t *testing.T, us, them crypto, meet, weDial bool, ours, theirs, payload []byte) {
	all := append(bytes.Clone(ours), theirs...)
	shown := func(wire []byte) bool { return bytes.Contains(wire, payload[1000:1064]) }
	named := func(wire []byte) bool { return bytes.Contains(wire, []byte("BitTorrent protocol")) }
	// Who forces RC4 says nothing in the clear, to whomever.
	if us.methods == rc4 && !us.bare && named(ours) || them.methods == rc4 && !them.bare && named(theirs) {
		t.Error("a forced policy was broken")
	}
	if !meet {
		if shown(all) || len(all) > 64<<10 {
			t.Errorf("%d bytes went over the wire", len(all))
		}
		return
	}
	switch common := us.methods & them.methods; {
	case common&rc4 != 0 && (weDial || !us.bare || !them.bare): // who prefers encryption and is dialled takes what comes
		// Who is not forced may have begun with a plain dial, in vain.
		if shown(all) || named(ours) || named(theirs) && (weDial || !them.bare) {
			t.Error("RC4 was possible, and the wire is readable")
		}
	case common == 0:
		if !named(all) || !shown(all) {
			t.Error("nothing is encrypted, and the wire is not readable")
		}
	case common == plaintext && (!us.bare || !them.bare):
		if named(dialledFirst(weDial, ours, theirs)) || !shown(all) {
			t.Error("the handshake was to be encrypted, and nothing else")
		}
	}
}

// dialledFirst returns the first bytes that the dialling side sent.
func dialledFirst(weDial bool, ours, theirs []byte) []byte {
	if !weDial {
		ours = theirs
	}
	return ours[:min(len(ours), 96)]
}

// wiretap stands between two peers and keeps all that they say.
type wiretap struct {
	l     net.Listener
	from  netip.Addr
	to    string
	mu    sync.Mutex
	there bytes.Buffer // from who dials
	back  bytes.Buffer // from who is dialled
	ended int          // connections
}

func newWiretap(t *testing.T, at, to netip.AddrPort) *wiretap {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{l: l, from: at.Addr(), to: to.String()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { w.carry(nc) })
		}
	})
	t.Cleanup(func() { l.Close() }) // connections end with the peers
	return w
}

// carry serves one connection; each end is passed on.
func (w *wiretap) carry(nc net.Conn) {
	defer nc.Close()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: w.from.AsSlice()}}
	to, err := d.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer to.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.copy(to, nc, &w.there)
		to.Close()
	}()
	w.copy(nc, to, &w.back)
	nc.Close()
	<-done
	w.mu.Lock()
	w.ended++
	w.mu.Unlock()
}

func (w *wiretap) copy(dst io.Writer, src io.Reader, keep *bytes.Buffer) {
	b := make([]byte, 32<<10)
	for {
		n, err := src.Read(b)
		w.mu.Lock()
		keep.Write(b[:n])
		w.mu.Unlock()
		if _, werr := dst.Write(b[:n]); err != nil || werr != nil {
			return
		}
	}
}

// heard returns what both sides have said so far.
func (w *wiretap) heard() (there, back []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Clone(w.there.Bytes()), bytes.Clone(w.back.Bytes())
}

// refused watches for a while that dials are made and come to nothing.
func (w *wiretap) refused(t *testing.T) {
	time.Sleep(refusal)
	w.mu.Lock()
	defer w.mu.Unlock()
	t.Logf("%d connections were refused", w.ended)
	if w.ended == 0 {
		t.Errorf("nobody has dialled, or somebody was let in: %d bytes there, %d back", w.there.Len(), w.back.Len())
	}
}
