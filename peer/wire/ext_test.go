package wire

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestExtHandshake(t *testing.T) {
	h := ExtHandshake{
		M: []ExtID{{DontHave, 3}, {UTMetadata, 1}, {UTPex, 2}}, V: "shoal 0.1", P: 6881, Reqq: 500,
		YourIP: addr("192.0.2.1"), IPv4: addr("192.0.2.2"), IPv6: addr("2001:db8::1"),
		MetadataSize: 31235, UploadOnly: true, HasUploadOnly: true,
	}
	b := AppendExtHandshake(nil, &h)
	got, err := ParseExtHandshake(b)
	if err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("%+v, %v", got, err)
	}
	if got.ID(UTPex) != 2 || got.ID("none") != 0 {
		t.Error("ids are wrong")
	}
	for cut := range b {
		if _, err := ParseExtHandshake(b[:cut]); !errors.Is(err, ErrProtocol) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if b := AppendExtHandshake(nil, &ExtHandshake{}); string(b) != "d1:mdee" {
		t.Errorf("empty: %s", b)
	}
}

func TestHostileExtHandshake(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want ExtHandshake
		fail bool
	}{
		"X01 depth 7":          {in: "d1:ad1:bd1:cd1:dd1:ed1:fdeeeeeee", fail: true},
		"depth 6":              {in: "d1:ad1:bd1:cd1:dd1:edeeeeee"},
		"X01 key twice":        {in: "d1:pi1e1:pi2ee", fail: true},
		"X01 not a dictionary": {in: "i1e", fail: true},
		"X01 1 MiB":            {in: "d1:v1048576:" + strings.Repeat("x", 1<<20) + "e", fail: true},
		"X01 m not a dict":     {in: "d1:mi5e1:pi80ee", want: ExtHandshake{P: 80}},
		"X01 ids 256 and -1":   {in: "d1:md1:ai256e1:bi-1e1:ci7eee", want: ExtHandshake{M: []ExtID{{"c", 7}}}},
		"X06 reqq 0":           {in: "d4:reqqi0ee", want: ExtHandshake{Reqq: 1}},
		"X06 reqq 2^31":        {in: "d4:reqqi2147483648ee", want: ExtHandshake{Reqq: MaxReqq}},
		"X06 reqq 2^70":        {in: "d4:reqqi1180591620717411303424ee", want: ExtHandshake{}},
		"X06 yourip 3 bytes":   {in: "d6:yourip3:abce", want: ExtHandshake{}},
		"mapped yourip":        {in: "d6:yourip16:" + string(addr("::ffff:1.2.3.4").AsSlice()) + "e", want: ExtHandshake{YourIP: addr("1.2.3.4")}},
		"X02 metadata 0":       {in: "d13:metadata_sizei0ee", want: ExtHandshake{}},
		"X02 metadata -1":      {in: "d13:metadata_sizei-1ee", want: ExtHandshake{}},
		"X02 metadata 2^62":    {in: "d13:metadata_sizei4611686018427387904ee", want: ExtHandshake{}},
		"X02 metadata 32M + 1": {in: "d13:metadata_sizei33554433ee", want: ExtHandshake{}},
		"X02 metadata 32M":     {in: "d13:metadata_sizei33554432ee", want: ExtHandshake{MetadataSize: 32 << 20}},
		"port out of range":    {in: "d1:pi65536ee", want: ExtHandshake{}},
		"upload_only 0":        {in: "d11:upload_onlyi0ee", want: ExtHandshake{HasUploadOnly: true}},
		"long name":            {in: "d1:v200:" + strings.Repeat("x", 200) + "e", want: ExtHandshake{V: strings.Repeat("x", 128)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseExtHandshake([]byte(tc.in))
			if tc.fail != errors.Is(err, ErrProtocol) || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

func TestExtHandshakeNamesAreBounded(t *testing.T) {
	var all ExtHandshake
	for i := range 1000 {
		h := ExtHandshake{M: []ExtID{{Name: string(rune('a'+i%26)) + strings.Repeat("x", i/26), ID: uint8(i)}}}
		all.Update(&h)
	}
	if len(all.M) != MaxExtNames {
		t.Errorf("%d names are kept", len(all.M))
	}
	parsed, err := ParseExtHandshake(AppendExtHandshake(nil, &all))
	if err != nil || len(parsed.M) != MaxExtNames {
		t.Errorf("%d names, %v", len(parsed.M), err)
	}
}

func TestExtHandshakeUpdate(t *testing.T) {
	h := ExtHandshake{M: []ExtID{{UTPex, 1}, {DontHave, 2}}, V: "a", P: 1, Reqq: 5, MetadataSize: 9}
	h.Update(&ExtHandshake{M: []ExtID{{UTPex, 0}, {UTMetadata, 4}}, P: 2, HasUploadOnly: true, UploadOnly: true, YourIP: addr("192.0.2.9")})
	want := ExtHandshake{
		M: []ExtID{{UTPex, 0}, {DontHave, 2}, {UTMetadata, 4}}, V: "a", P: 2, Reqq: 5, MetadataSize: 9,
		HasUploadOnly: true, UploadOnly: true, YourIP: addr("192.0.2.9"),
	}
	if !reflect.DeepEqual(h, want) {
		t.Errorf("%+v", h)
	}
}

func TestDontHave(t *testing.T) {
	if i, ok := ParseDontHave(AppendDontHave(nil, 77)); i != 77 || !ok {
		t.Error(i, ok)
	}
	for _, n := range []int{0, 3, 5} {
		if _, ok := ParseDontHave(make([]byte, n)); ok {
			t.Errorf("%d bytes were taken", n)
		}
	}
}
