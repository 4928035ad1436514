//go:build linux

package partner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// address is one of loopback's that no other process of these tests uses.
func address(n int) string {
	return fmt.Sprintf("127.%d.%d.%d:17800", 78+n, os.Getpid()>>8&0xff, os.Getpid()&0xff|1)
}

// started is a partner that plays its part on a goroutine of its own.
type started struct {
	t    *testing.T
	told *json.Decoder
	stop context.CancelFunc
	err  chan error
}

func start(t *testing.T, s Spec) *started {
	t.Helper()
	arg, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	r, w := io.Pipe()
	p := &started{t, json.NewDecoder(r), cancel, make(chan error, 1)}
	go func() {
		err := Run(ctx, string(arg), w)
		w.CloseWithError(io.EOF)
		p.err <- err
	}()
	t.Cleanup(cancel)
	return p
}

// expect reads what the partner says next.
func (p *started) expect(event string) Told {
	p.t.Helper()
	var told Told
	if err := p.told.Decode(&told); err != nil || told.Event != event || told.At == 0 {
		p.t.Fatalf("it says %+v, %v, want %s", told, err, event)
	}
	return told
}

// content writes a file whose last piece and last block are short.
func content(t *testing.T) Spec {
	t.Helper()
	const size = 5<<15 + 1000
	b := make([]byte, size)
	chance := rand.NewChaCha8([32]byte{1})
	chance.Read(b)
	name := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return Spec{File: name, Size: size, PieceLength: 1 << 15, InfoHash: strings.Repeat("ab", 20)}
}

// TestServeAndTake: both sides of a transfer agree, plain and encrypted, over one connection and over several.
func TestServeAndTake(t *testing.T) {
	for _, rc4 := range []bool{false, true} {
		for _, connections := range []int{1, 5} {
			s := content(t)
			s.RC4, s.Connections, s.Addr = rc4, connections, address(0)
			serve := s
			serve.Role = Serve
			server := start(t, serve)
			server.expect(Ready)
			s.Role, s.Bytes = Take, 3*s.Size // more than once around
			taker := start(t, s)
			server.expect(First)
			if told := taker.expect(Done); told.Took <= 0 {
				t.Errorf("it took %v", told.Took)
			}
			if err := <-taker.err; err != nil {
				t.Errorf("rc4 %v, %d connections: %v", rc4, connections, err)
			}
			server.stop()
			<-server.err
		}
	}
}

// TestServeStopsAnswering: after Bytes it says so, and answers nothing more.
func TestServeStopsAnswering(t *testing.T) {
	const blocks = 2*batch + 3
	s := content(t)
	s.Role, s.Addr, s.Bytes, s.File, s.Size = Serve, address(1), blocks*blockSize, "", 2*blocks*blockSize // of zeros
	server := start(t, s)
	server.expect(Ready)
	take := s
	take.Role, take.Connections, take.Bytes = Take, 1, blocks*blockSize
	taker := start(t, take)
	server.expect(First)
	taker.expect(Done)
	take.Bytes = blockSize
	taker = start(t, take)
	server.expect(Full)
	taker.stop()
	if err := <-taker.err; err == nil || !strings.Contains(err.Error(), "got 0 of") {
		t.Errorf("the second taker: %v", err)
	}
	server.stop()
	<-server.err
}

// TestSendAndReceive: what the bound of a download writes is what it was sent.
func TestSendAndReceive(t *testing.T) {
	s := content(t)
	s.Role, s.Addr = Send, address(2)
	sender := start(t, s)
	sender.expect(Ready)
	got := s
	got.Role, got.File = Receive, filepath.Join(t.TempDir(), "got")
	receiver := start(t, got)
	for _, p := range []*started{receiver, sender} {
		if err := <-p.err; err != nil {
			t.Fatal(err)
		}
	}
	a, errA := os.ReadFile(s.File)
	b, errB := os.ReadFile(got.File)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("sent %d, got %d, %v, %v", len(a), len(b), errA, errB)
	}
}

// TestPace: every connection has its share, and who was refused has a share of nothing.
func TestPace(t *testing.T) {
	s := content(t)
	s.Role, s.Addr = Serve, address(3)
	server := start(t, s)
	server.expect(Ready)
	pace := s
	pace.Role, pace.Connections, pace.Rate, pace.Settle, pace.Window = Pace, 3, 20*blockSize, 100*time.Millisecond, time.Second
	pacer := start(t, pace)
	server.expect(First)
	if told := pacer.expect(Ready); told.Open != 3 {
		t.Errorf("%d are open", told.Open)
	}
	told := pacer.expect(Done)
	if len(told.Shares) != 3 {
		t.Fatalf("shares %v", told.Shares)
	}
	for _, n := range told.Shares {
		if n <= 0 || n%blockSize != 0 || n > pacerDepth*blockSize {
			t.Errorf("a share of %d bytes", n)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, arg := range []string{"", "{", `{"Role":"nobody"}`, `{"Role":"serve","InfoHash":"ab"}`, `{"Role":"take","Connections":1,"InfoHash":"zz"}`,
		`{"Role":"hash","File":"/nonexistent/file"}`, `{"Role":"send","File":"/nonexistent/file"}`} {
		if err := Run(t.Context(), arg, io.Discard); err == nil {
			t.Errorf("%s does something", arg)
		}
	}
	s := content(t)
	s.Role = Hash
	arg, _ := json.Marshal(s)
	if err := Run(t.Context(), string(arg), io.Discard); err != nil {
		t.Errorf("hash: %v", err)
	}
}
