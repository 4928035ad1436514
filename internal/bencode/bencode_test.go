package bencode

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type sample struct {
	N     int64        `bencode:"n"`
	S     string       `bencode:"s,omitempty"`
	B     []byte       `bencode:"b,omitempty"`
	R     RawMessage   `bencode:"r,omitempty"`
	L     []string     `bencode:"l,omitempty"`
	Tiers [][]string   `bencode:"tiers,omitempty"`
	Raws  []RawMessage `bencode:"raws,omitempty"`
	Dash  string       `bencode:"-"`
	local int64
}

func TestUnmarshal(t *testing.T) {
	in := "d1:b2:xy1:ll1:a1:be1:ni-7e1:rd1:zi07ee"
	_, err := Scan([]byte(in), Limits{})
	if err == nil {
		t.Fatal("the scanner must look into values that stay raw")
	}
	in = "d1:b2:xy1:ll1:a1:be1:ni-7e1:rd1:zi7ee4:rawsli1ee1:s2:hi5:tiersll1:xel1:y1:zeee"
	var got sample
	if err := Unmarshal([]byte(in), Limits{}, &got); err != nil {
		t.Fatal(err)
	}
	want := sample{N: -7, S: "hi", B: []byte("xy"), R: RawMessage("d1:zi7ee"), L: []string{"a", "b"},
		Tiers: [][]string{{"x"}, {"y", "z"}}, Raws: []RawMessage{RawMessage("i1e")}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	out, err := Marshal(&got)
	if err != nil || string(out) != in {
		t.Errorf("Marshal = %q, %v", out, err)
	}
}

// TestM03UnknownBigInteger: an integer of 30 digits under an unknown key costs
// nothing; under a known key it costs that key.
func TestM03UnknownBigInteger(t *testing.T) {
	const big = "i123456789012345678901234567890e"
	var got sample
	if err := Unmarshal([]byte("d1:ni1e1:x"+big+"e"), Limits{}, &got); err != nil || got.N != 1 {
		t.Errorf("unknown key: %v, %+v", err, got)
	}
	if err := Unmarshal([]byte("d1:r"+big+"e"), Limits{}, &got); err != nil || string(got.R) != big {
		t.Errorf("kept raw: %v, %+v", err, got)
	}
	err := Unmarshal([]byte("d1:n"+big+"1:s2:hie"), Limits{}, &got)
	if !errors.Is(err, ErrType) || !strings.Contains(err.Error(), `"n"`) || got.N != 0 || got.S != "hi" {
		t.Errorf("known key: %v, %+v", err, got)
	}
	if err := Unmarshal([]byte("d1:xl"+big+"ee"), Limits{}, &got); err != nil {
		t.Errorf("inside an unknown list: %v", err)
	}
}

// TestM04DashAndDuplicates: the key "-" sets nothing; a repeated key is named.
func TestM04DashAndDuplicates(t *testing.T) {
	var got sample
	if err := Unmarshal([]byte("d1:-1:x4:Dash1:y5:locali5ee"), Limits{}, &got); err != nil || got.Dash != "" || got.local != 0 {
		t.Errorf("%v, %+v", err, got)
	}
	if err := Unmarshal([]byte("d1:ni1e1:ni2ee"), Limits{}, &got); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), `"n" comes twice`) {
		t.Errorf("duplicate: %v", err)
	}
}

func TestUnmarshalOneBadKeyCostsOneKey(t *testing.T) {
	got := sample{N: 5, L: []string{"old", "older"}, B: []byte("old")}
	err := Unmarshal([]byte("d1:bi1e1:ll1:ae1:n1:x1:s1:ye"), Limits{}, &got)
	if !errors.Is(err, ErrType) || !strings.Contains(err.Error(), `"b", "n"`) {
		t.Errorf("error %v", err)
	}
	if got.N != 0 || got.B != nil || got.S != "y" || !slices.Equal(got.L, []string{"a"}) {
		t.Errorf("got %+v", got)
	}
	for _, in := range []string{"le", "i1e", "1:a"} {
		if err := Unmarshal([]byte(in), Limits{}, &got); !errors.Is(err, ErrType) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestUnmarshalPrefix(t *testing.T) {
	var got sample
	n, err := UnmarshalPrefix([]byte("d1:ni3eeTAIL"), Limits{}, &got)
	if n != 8 || err != nil || got.N != 3 {
		t.Errorf("%d, %v, %+v", n, err, got)
	}
	if n, err = UnmarshalPrefix([]byte("d1:n1:xeTAIL"), Limits{}, &got); n != 8 || !errors.Is(err, ErrType) {
		t.Errorf("%d, %v", n, err)
	}
	if err := Unmarshal([]byte("d1:ni3eeTAIL"), Limits{}, &got); !errors.Is(err, ErrSyntax) {
		t.Errorf("a tail: %v", err)
	}
}

func TestUnmarshalOtherTargets(t *testing.T) {
	var list []string
	if err := Unmarshal([]byte("l1:a1:be"), Limits{}, &list); err != nil || !slices.Equal(list, []string{"a", "b"}) {
		t.Errorf("%v %v", list, err)
	}
	var n int64
	if err := Unmarshal([]byte("1:a"), Limits{}, &n); !errors.Is(err, ErrType) {
		t.Errorf("%v", err)
	}
}

func TestMarshalRefusesInvalid(t *testing.T) {
	for _, v := range []any{
		&struct {
			R RawMessage `bencode:"r"`
		}{},
		RawMessage("i1"),
		RawMessage("i1ei2e"),
		map[string]RawMessage{"a": RawMessage("d1:ai1e1:ai1ee")},
	} {
		if b, err := Marshal(v); err == nil {
			t.Errorf("Marshal(%v) = %q", v, b)
		}
	}
}

func TestCursor(t *testing.T) {
	c := NewCursor([]byte("d1:ali1e2:xxe1:bi-5e1:cd0:0:ee"))
	if c.Kind() != 'd' {
		t.Fatal(c.Kind())
	}
	c.Enter()
	key, ok := c.String()
	if string(key) != "a" || !ok || c.Kind() != 'l' || c.Leave() {
		t.Fatal(string(key))
	}
	if got := c.Skip(); string(got) != "li1e2:xxe" {
		t.Fatalf("%q", got)
	}
	c.String()
	if n, ok := c.Int(); n != -5 || !ok {
		t.Fatal(n)
	}
	c.String()
	if _, ok := c.String(); ok {
		t.Fatal("a dictionary is no string")
	}
	if !c.Leave() || c.Kind() != 0 {
		t.Fatal("not at the end")
	}
}

func TestDictAndList(t *testing.T) {
	var got []string
	for k, v := range Dict([]byte("d1:bi1e1:ali2eee")) {
		got = append(got, k+"="+string(v))
	}
	for v := range List([]byte("li1e1:xdee")) {
		got = append(got, string(v))
	}
	for range Dict([]byte("li1ee")) {
		t.Error("a list is no dictionary")
	}
	for range List([]byte("de")) {
		t.Error("a dictionary is no list")
	}
	for range List(nil) {
		t.Error("nothing is no list")
	}
	if want := []string{"b=i1e", "a=li2ee", "i1e", "1:x", "de"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestIntAndString(t *testing.T) {
	for _, c := range []struct {
		in string
		n  int64
		ok bool
	}{
		{"i0e", 0, true}, {"i-9223372036854775808e", math.MinInt64, true}, {"i9223372036854775807e", math.MaxInt64, true},
		{"i9223372036854775808e", 0, false}, {"1:1", 0, false}, {"", 0, false}, {"le", 0, false},
	} {
		if n, ok := Int([]byte(c.in)); ok != c.ok || ok && n != c.n {
			t.Errorf("Int(%q) = %d, %v", c.in, n, ok)
		}
	}
	if s, ok := String([]byte("2:hi")); string(s) != "hi" || !ok {
		t.Error(s, ok)
	}
	for _, in := range []string{"", "i1e", "le"} {
		if _, ok := String([]byte(in)); ok {
			t.Errorf("String(%q) accepted", in)
		}
	}
}

func TestCheckFields(t *testing.T) {
	type good struct {
		A int64          `bencode:"a"`
		B [][]string     `bencode:"b,omitempty"`
		C RawMessage     `bencode:"c"`
		D []RawMessage   `bencode:"d"`
		E []byte         `bencode:"e"`
		f map[string]int // not exported: not decoded
	}
	if err := CheckFields(&good{}); err != nil {
		t.Error(err)
	}
	for _, v := range []any{
		struct{ A int64 }{},
		struct {
			A int64 `bencode:"-"`
		}{},
		struct {
			A int64 `bencode:",omitempty"`
		}{},
		struct {
			A int32 `bencode:"a"`
		}{},
		struct {
			A uint64 `bencode:"a"`
		}{},
		struct {
			A any `bencode:"a"`
		}{},
		struct {
			A [20]byte `bencode:"a"`
		}{},
		struct {
			A []int `bencode:"a"`
		}{},
		struct {
			A map[string]string `bencode:"a"`
		}{},
		struct {
			A good `bencode:"a"`
		}{},
		struct {
			A *string `bencode:"a"`
		}{},
		3,
	} {
		if CheckFields(v) == nil {
			t.Errorf("%T passes", v)
		}
	}
}

// A list of integers is no string, although zeebo would cut each to a byte.
func TestUnmarshalListIsNoString(t *testing.T) {
	var v struct {
		S    string       `bencode:"s"`
		B    []byte       `bencode:"b"`
		List [][]byte     `bencode:"l"`
		Deep [][][]byte   `bencode:"m"`
		Raw  RawMessage   `bencode:"r"`
		Raws []RawMessage `bencode:"q"`
	}
	for _, c := range []struct{ in, bad string }{
		{"d1:bli1ei300ee1:s1:xe", `"b"`},
		{"d1:ble1:s1:xe", `"b"`},
		{"d1:ll1:ali1eee1:s1:xe", `"l"`},
		{"d1:mll1:aelelli1eeee1:s1:xe", `"m"`},
	} {
		err := Unmarshal([]byte(c.in), Limits{}, &v)
		if !errors.Is(err, ErrType) || !strings.Contains(err.Error(), c.bad) || v.B != nil || v.List != nil || v.Deep != nil || v.S != "x" {
			t.Errorf("%s: %v, %+v", c.in, err, v)
		}
	}
	in := "d1:b1:a1:ll1:a0:e1:mll1:aelee1:qli1eli2eee1:rli1ee1:s1:xe"
	if err := Unmarshal([]byte(in), Limits{}, &v); err != nil || string(v.B) != "a" || len(v.List) != 2 || len(v.Deep) != 2 || string(v.Raw) != "li1ee" || len(v.Raws) != 2 {
		t.Errorf("%v, %+v", err, v)
	}
}
