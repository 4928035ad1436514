package wire

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"testing"
	"testing/iotest"

	"shoal/internal/block"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// FuzzReader: no input panics, every end is one of the documented ones, what
// comes out does not depend on how the bytes come in, and it encodes to the
// bytes that were taken.
func FuzzReader(f *testing.F) {
	pool := new(block.Pool)
	for _, m := range samples(pool) {
		if b := encode([]Message{m}); len(b) < 1000 {
			f.Add(b)
			f.Add(b[:len(b)-1])
		}
	}
	f.Add(encode(samples(pool)[:14]))
	f.Add(be32(nil, 1<<32-1))
	f.Add(make([]byte, 1000))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err := readAll(NewReader(bytes.NewReader(in), pool, 0))
		if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.Is(err, ErrProtocol) {
			t.Fatalf("ended with %v", err)
		}
		r := NewReader(iotest.OneByteReader(bytes.NewReader(in)), pool, 0)
		slow, err2 := readAll(r)
		if len(whole) != len(slow) || errors.Is(err, ErrProtocol) != errors.Is(err2, ErrProtocol) {
			t.Fatalf("%d messages, %v; byte by byte %d, %v", len(whole), err, len(slow), err2)
		}
		for i := range whole {
			if !sameMessage(&whole[i], &slow[i]) {
				t.Fatalf("message %d differs byte by byte", i)
			}
		}
		ahead, err4 := readAhead(&scattered{rest: in, next: func(most int) int { return most }, err: io.EOF}, pool)
		if len(whole) != len(ahead) || errors.Is(err, ErrProtocol) != errors.Is(err4, ErrProtocol) {
			t.Fatalf("%d messages, %v; ahead %d, %v", len(whole), err, len(ahead), err4)
		}
		for i := range whole {
			if !sameMessage(&whole[i], &ahead[i]) {
				t.Fatalf("message %d differs ahead", i)
			}
		}
		again, err3 := readAll(NewReader(bytes.NewReader(encode(whole)), pool, 0))
		if err3 != io.EOF || len(again) != len(whole) {
			t.Fatalf("encoded again: %d of %d messages, %v", len(again), len(whole), err3)
		}
		for i := range whole {
			if !sameMessage(&whole[i], &again[i]) {
				t.Fatalf("message %d differs after encoding", i)
			}
		}
		r.Close()
	})
}

// FuzzReaderAhead: the same stream means the same, whether it is read through the buffer or ahead, in whatever portions. In
// script each byte is a frame or raw bytes; cuts are the sizes of the portions.
func FuzzReaderAhead(f *testing.F) {
	f.Add([]byte{255, 255, 255, 255}, []byte{255})
	f.Add([]byte{255, 0, 255, 1, 255, 255, 2, 255}, []byte{13, 255, 1})
	f.Add([]byte{255, 100, 255, 255, 7, 7, 255}, []byte{128, 12})
	f.Add([]byte{255, 255, 0, 0, 64, 9, 7, 255}, []byte{129})
	pool := new(block.Pool)
	whole := Append(nil, &Message{Kind: Piece, Index: 3, Begin: block.Size, Block: payload(pool, block.Size)})
	f.Fuzz(func(t *testing.T, script, cuts []byte) {
		var in []byte
		for i, op := range script[:min(len(script), 40)] {
			switch {
			case op >= 128:
				in = append(in, whole...)
				in[len(in)-1-i] = op
			case op >= 64:
				in = Append(in, &Message{Kind: Have, Index: uint32(op)})
			default:
				in = append(in, op)
			}
		}
		through, err := readAll(NewReader(bytes.NewReader(in), pool, 0))
		n := 0
		next := func(most int) int {
			if n++; len(cuts) == 0 {
				return most
			}
			c := int(cuts[n%len(cuts)])
			if c >= 128 {
				return c << 7
			}
			return c
		}
		ahead, err2 := readAhead(&scattered{rest: in, next: next, err: io.EOF}, pool)
		if len(through) != len(ahead) || errors.Is(err, ErrProtocol) != errors.Is(err2, ErrProtocol) || !errors.Is(err, ErrProtocol) && err != err2 {
			t.Fatalf("%d messages, %v; ahead %d, %v", len(through), err, len(ahead), err2)
		}
		for i := range through {
			if !sameMessage(&through[i], &ahead[i]) {
				t.Fatalf("message %d differs", i)
			}
			if through[i].Block != nil {
				through[i].Block.Release()
				ahead[i].Block.Release()
			}
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add(AppendHandshake(nil, &Handshake{PeerID: [20]byte{1}}))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte(Protocol))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := ParseHandshake(in)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(AppendHandshake(nil, &h), in[:HandshakeLen]) {
			t.Fatal("does not encode to its bytes")
		}
		for cut := range HandshakeLen {
			if _, _, err := CheckHandshake(in[:cut]); err != nil {
				t.Fatalf("good handshake refused at %d: %v", cut, err)
			}
		}
	})
}

func FuzzExtHandshake(f *testing.F) {
	h := ExtHandshake{M: []ExtID{{DontHave, 3}}, V: "x", P: 1, Reqq: 2, YourIP: addr("::1"), HasUploadOnly: true}
	f.Add(AppendExtHandshake(nil, &h))
	f.Add([]byte("d1:md11:ut_metadatai256eee"))
	f.Add([]byte("d1:mi1e4:reqqi-5e6:yourip3:abce"))
	f.Add([]byte("d1:ei0e1:md10:ut_holepu"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := ParseExtHandshake(in)
		if err != nil {
			if !errors.Is(err, ErrProtocol) {
				t.Fatal(err)
			}
			return
		}
		if len(h.M) > MaxExtNames || len(h.V) > maxClient || h.Reqq < 0 || h.Reqq > MaxReqq || h.MetadataSize < 0 || h.MetadataSize > MaxMetadata {
			t.Fatalf("out of bounds: %+v", h)
		}
		again, err := ParseExtHandshake(AppendExtHandshake(nil, &h))
		if err != nil {
			t.Fatal(err)
		}
		if again.V != h.V || again.P != h.P || again.Reqq != h.Reqq || again.YourIP != h.YourIP || again.MetadataSize != h.MetadataSize || len(again.M) != len(h.M) {
			t.Fatalf("%+v became %+v", h, again)
		}
		var sum ExtHandshake
		sum.Update(&h)
		if sum.UploadOnly != h.UploadOnly || !reflect.DeepEqual(sum.V, h.V) {
			t.Fatal("update lost something")
		}
	})
}
