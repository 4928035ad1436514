package sha1x

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"math/rand/v2"
	"testing"
)

// eachWay runs a test with the instructions, where this processor has them, and without.
func eachWay(t *testing.T, do func(t *testing.T)) {
	had := fast
	defer func() { fast = had }()
	for _, way := range []bool{false, had} {
		fast = way
		t.Run(fmt.Sprintf("fast=%t", way), do)
	}
}

// messages makes n different messages.
func messages(rnd *rand.ChaCha8, n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, size)
		rnd.Read(out[i])
	}
	return out
}

// hashIn hashes messages in chunks that end at the given places, beside their end.
func hashIn(h *Hasher, msgs [][]byte, ends ...int) {
	h.Reset(len(msgs))
	chunks := make([][]byte, len(msgs))
	from := 0
	for _, to := range append(ends, len(msgs[0])) {
		for i, m := range msgs {
			chunks[i] = m[from:to]
		}
		h.Write(chunks)
		from = to
	}
}

func check(t *testing.T, h *Hasher, msgs [][]byte) {
	t.Helper()
	for i, m := range msgs {
		if got, want := h.Sum(i), sha1.Sum(m); got != want {
			t.Errorf("message %d of %d, %d bytes: %x, want %x", i, len(msgs), len(m), got, want)
		}
	}
}

// TestLengths: every number of lanes and every length up to five blocks, where the padding takes one block or two.
func TestLengths(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		rnd := rand.NewChaCha8([32]byte{1})
		var h Hasher
		for n := 1; n <= Lanes; n++ {
			for size := range 5*BlockSize + 1 {
				msgs := messages(rnd, n, size)
				hashIn(&h, msgs)
				check(t, &h, msgs)
			}
		}
	})
}

// TestSplits: messages that come in chunks, at places that are not aligned in memory.
func TestSplits(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		src := rand.NewChaCha8([32]byte{2})
		rnd := rand.New(src)
		var h Hasher
		for range 500 {
			n := 1 + rnd.IntN(Lanes)
			msgs := messages(src, n, rnd.IntN(3000)+100)
			for i := range msgs {
				msgs[i] = msgs[i][i:]
			}
			for i := range msgs {
				msgs[i] = msgs[i][:len(msgs[n-1])]
			}
			var ends []int
			for at := 0; ; {
				if at += rnd.IntN(10) * BlockSize; at > len(msgs[0]) {
					break
				}
				ends = append(ends, at)
				if rnd.IntN(20) == 0 {
					break
				}
			}
			hashIn(&h, msgs, ends...)
			check(t, &h, msgs)
		}
	})
}

// TestReadsOnlyItsInput: nothing is written to the messages, and lanes do not touch each other.
func TestReadsOnlyItsInput(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		for n := 1; n <= Lanes; n++ {
			all := messages(rand.NewChaCha8([32]byte{3}), 1, n*300)[0]
			before := bytes.Clone(all)
			msgs := make([][]byte, n)
			for i := range msgs {
				msgs[i] = all[i*300 : (i+1)*300]
			}
			var h Hasher
			hashIn(&h, msgs)
			check(t, &h, msgs)
			if !bytes.Equal(all, before) {
				t.Error("a message was changed")
			}
		}
	})
}

func TestAllocs(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		var h Hasher
		msgs := messages(rand.NewChaCha8([32]byte{4}), Lanes, 1000)
		for n := 1; n <= Lanes; n++ {
			if got := testing.AllocsPerRun(10, func() {
				h.Reset(n)
				h.Write(msgs[:n])
				h.Sum(0)
			}); got != 0 {
				t.Errorf("%d lanes: %v allocations", n, got)
			}
		}
	})
}

func FuzzHasher(f *testing.F) {
	f.Add([]byte("abc"), uint8(2), uint16(0))
	f.Add(bytes.Repeat([]byte{0x80}, 500), uint8(3), uint16(64))
	f.Add([]byte{}, uint8(0), uint16(9))
	f.Fuzz(func(t *testing.T, data []byte, lanes uint8, split uint16) {
		n := int(lanes)%Lanes + 1
		size := len(data) / n
		msgs := make([][]byte, n)
		for i := range msgs {
			msgs[i] = data[i*size : (i+1)*size]
		}
		var h Hasher
		hashIn(&h, msgs, min(int(split), size)/BlockSize*BlockSize)
		check(t, &h, msgs)
	})
}

// BenchmarkHasher is bytes of all lanes together.
func BenchmarkHasher(b *testing.B) {
	for n := 1; n <= Lanes; n++ {
		for _, size := range []int{16 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("lanes=%d/KiB=%d", n, size>>10), func(b *testing.B) {
				var h Hasher
				msgs := messages(rand.NewChaCha8([32]byte{5}), n, size)
				b.SetBytes(int64(n * size))
				b.ReportAllocs()
				for b.Loop() {
					h.Reset(n)
					h.Write(msgs)
					h.Sum(0)
				}
			})
		}
	}
}
