package guard

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestSipHash holds the hash against the vectors of its authors.
func TestSipHash(t *testing.T) {
	k := sipKey{0x0706050403020100, 0x0f0e0d0c0b0a0908}
	for _, tc := range []struct {
		in   []uint64
		want uint64
	}{
		{nil, 0x726fdb47dd0e0e31},
		{[]uint64{0x0706050403020100}, 0x93f5f5799a932462},
		{[]uint64{0x0706050403020100, 0x0f0e0d0c0b0a0908}, 0x3f2acc7f57c29bdb},
	} {
		if got := k.hash(tc.in...); got != tc.want {
			t.Errorf("%d words: %#x, want %#x", len(tc.in), got, tc.want)
		}
	}
}

// TestTag: what we tagged comes back once, from there, in time.
func TestTag(t *testing.T) {
	k := sipKey{1, 2}
	to, now := ap("1.2.3.4:5678"), 100*second
	own := []byte("\x81\x01")
	wire := k.tagged(nil, own, to, now)
	if got, ok := k.untagged(wire, to, now); !ok || !bytes.Equal(got, own) || len(wire) != len(own)+tagLen {
		t.Fatalf("%x of %x, %v", got, wire, ok)
	}
	if _, ok := k.untagged(wire, to, now+tagSlot); !ok {
		t.Error("a reply is too old after one slot")
	}
	if _, ok := k.untagged(wire, to, now+2*tagSlot); ok {
		t.Error("a reply is good after two slots")
	}
	if _, ok := k.untagged(wire, ap("1.2.3.4:5679"), now); ok {
		t.Error("good from another port")
	}
	if _, ok := k.untagged(wire, ap("1.2.3.5:5678"), now); ok {
		t.Error("good from another address")
	}
	if _, ok := (sipKey{1, 3}).untagged(wire, to, now); ok {
		t.Error("good under another key")
	}
	for i := range wire {
		for bit := range 8 {
			wire[i] ^= 1 << bit
			if _, ok := k.untagged(wire, to, now); ok {
				t.Errorf("good with bit %d of byte %d turned", bit, i)
			}
			wire[i] ^= 1 << bit
		}
	}
	for _, short := range [][]byte{nil, wire[:tagLen], wire[:1], bytes.Repeat([]byte("x"), maxOwnT+tagLen+1)} {
		if _, ok := k.untagged(short, to, now); ok {
			t.Errorf("%x is good", short)
		}
	}
}

// TestD09ForgedReplies: guessing ids gets nothing through, and of the values of one tag
// only one is right, so a try succeeds with 2^-32.
func TestD09ForgedReplies(t *testing.T) {
	c, _ := open(t, Config{})
	from := ap("1.2.3.4:5678")
	wire := asks(t, c, "\x07", from.String(), second)
	rnd := rand.New(rand.NewPCG(9, 9))
	tries := 200_000
	if raceEnabled {
		tries /= 10
	}
	for range tries {
		guess := append([]byte(nil), wire...)
		for i := range 4 {
			guess[len(guess)-1-i] = byte(rnd.Uint32())
		}
		if bytes.Equal(guess, wire) {
			continue
		}
		if _, why := c.inbound(replyOf(guess, ""), from, second); why != Unasked {
			t.Fatalf("%x: %v", guess, why)
		}
	}
	for _, id := range []string{"\x07", "aa", "\x00\x00\x00\x00\x00\x00", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		if _, why := c.inbound(replyOf([]byte(id), ""), from, second); why != Unasked {
			t.Errorf("t %q: %v", id, why)
		}
		if _, why := c.inbound([]byte("d1:eli201e1:xe1:t"+string(str(nil, []byte(id)))+"1:y1:ee"), from, second); why != Unasked {
			t.Errorf("error with t %q: %v", id, why)
		}
	}
	out, why := c.inbound(replyOf(wire, ""), from, second)
	if string(out) != string(replyOf([]byte("\x07"), "")) || why != passes {
		t.Errorf("the true reply: %q, %v", out, why)
	}
	if _, why := c.inbound(replyOf(wire, ""), from, second); why != Unasked {
		t.Errorf("its copy: %v", why)
	}
}
