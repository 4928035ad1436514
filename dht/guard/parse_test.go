package guard

import (
	"bytes"
	"strings"
	"testing"

	"shoal/internal/hostile"
)

// TestParse is the table of what a message may be and what becomes of it.
func TestParse(t *testing.T) {
	long := strings.Repeat("x", 33)
	reply := func(body string) string { return string(replyOf([]byte("aa"), body)) }
	query := func(q, args string) string {
		return "d1:ad2:id" + anID + args + "e1:q" + string(str(nil, []byte(q))) + "1:t2:aa1:y1:qe"
	}
	announce := func(port, rest string) string {
		return query("announce_peer", "9:info_hash"+aHash+port+"5:token4:aoeu"+rest)
	}
	for _, tc := range []struct {
		name, in string
		why      Reason
		out      string // "" means in
	}{
		{"ping", pingQ, passes, ""},
		{"find_node", findQ, passes, ""},
		{"get_peers", peersQ, passes, ""},
		{"announce", announce("4:porti6881e", ""), passes, ""},
		{"announce, implied port", query("announce_peer", "12:implied_porti1e9:info_hash"+aHash+"4:porti0e5:token4:aoeu"), passes,
			query("announce_peer", "12:implied_porti1e9:info_hash"+aHash+"5:token4:aoeu")},
		{"unsorted and foreign keys", "d1:y1:q1:t2:aa1:q4:ping1:v4:LT011:xli1ee1:ad1:zi1e2:id" + anID + "ee", passes, pingQ},
		{"wanted families", query("find_node", "6:target"+aHash+"4:wantl2:n62:n42:n8i3ee"), passes, query("find_node", "6:target"+aHash+"4:wantl2:n42:n6e")},
		{"want of another type", query("find_node", "6:target"+aHash+"4:wanti1e"), passes, findQ},
		{"scrape", query("get_peers", "9:info_hash"+aHash+"6:noseedi1e6:scrapei1e"), passes, ""},
		{"arguments of other queries", query("ping", "9:info_hash"+aHash+"4:porti1e6:target"+aHash), passes, pingQ},
		{"read-only", strings.Replace(pingQ, "1:t", "2:roi1e1:t", 1), passes, ""},
		{"ip of 0", strings.Replace(pingQ, "1:q4", "2:ip0:1:q4", 1), passes, pingQ},
		{"ip of 1", strings.Replace(pingQ, "1:q4", "2:ip1:x1:q4", 1), passes, pingQ},
		{"ip of 7", strings.Replace(pingQ, "1:q4", "2:ip7:xxxxxxx1:q4", 1), passes, pingQ},
		{"unknown query", query("sample_infohashes", "6:target"+aHash), passes, query("", "")},

		{"no query name", "d1:ad2:id" + anID + "e1:t2:aa1:y1:qe", BadMessage, ""},
		{"t of 0", strings.Replace(pingQ, "2:aa", "0:", 1), BadMessage, ""},
		{"t of 33", strings.Replace(pingQ, "2:aa", "33:"+long, 1), BadMessage, ""},
		{"t of 32", strings.Replace(pingQ, "2:aa", "32:"+long[:32], 1), passes, ""},
		{"t a number", strings.Replace(pingQ, "2:aa", "i7e", 1), BadMessage, ""},
		{"no t", strings.Replace(pingQ, "1:t2:aa", "", 1), BadMessage, ""},
		{"y unknown", strings.Replace(pingQ, "1:y1:q", "1:y1:x", 1), BadMessage, ""},
		{"y long", strings.Replace(pingQ, "1:y1:q", "1:y2:qq", 1), BadMessage, ""},
		{"no y", strings.Replace(pingQ, "1:y1:q", "", 1), BadMessage, ""},
		{"id of 19", "d1:ad2:id19:abcdefghij012345678e1:q4:ping1:t2:aa1:y1:qe", BadMessage, ""},
		{"id a list", "d1:ad2:idlee1:q4:ping1:t2:aa1:y1:qe", BadMessage, ""},
		{"no id", "d1:ade1:q4:ping1:t2:aa1:y1:qe", BadMessage, ""},
		{"arguments a list", "d1:al2:id" + anID + "e1:q4:ping1:t2:aa1:y1:qe", BadMessage, ""},
		{"no target", query("find_node", ""), BadMessage, ""},
		{"target of 21", query("find_node", "6:target21:mnopqrstuvwxyz1234567"), BadMessage, ""},
		{"no info_hash", query("get_peers", "6:target"+aHash), BadMessage, ""},
		{"no token", query("announce_peer", "9:info_hash"+aHash+"4:porti1e"), BadMessage, ""},
		{"token of 65", query("announce_peer", "9:info_hash"+aHash+"4:porti1e5:token65:"+strings.Repeat("t", 65)), BadMessage, ""},
		{"D11 port 0", announce("4:porti0e", ""), BadPort, ""},
		{"D11 port -5", announce("4:porti-5e", ""), BadPort, ""},
		{"D11 port 65536", announce("4:porti65536e", ""), BadPort, ""},
		{"D11 port 70000", announce("4:porti70000e", ""), BadPort, ""},
		{"D11 port of 2^64", announce("4:porti18446744073709551617e", ""), BadPort, ""},
		{"D11 port a string", announce("4:port4:6881", ""), BadPort, ""},
		{"D11 no port", announce("", ""), BadPort, ""},
		{"D11 port 65535", announce("4:porti65535e", ""), passes, ""},

		{"reply", reply(""), passes, ""},
		{"reply with a key of BEP 44", reply("1:v5:hello"), passes, reply("")},
		{"nodes", reply("5:nodes" + compact(t, "1.2.3.4:5678")), passes, ""},
		{"no nodes", reply("5:nodes0:"), passes, ""},
		{"nodes of 27", reply("5:nodes27:" + long[:27]), BadMessage, ""},
		{"nodes a list", reply("5:nodesle"), BadMessage, ""},
		{"nodes6 of 26", reply("6:nodes626:" + long[:26]), BadMessage, ""},
		{"values of both families", reply("6:valuesl6:aaaaaa18:bbbbbbbbbbbbbbbbbbe"), passes, ""},
		{"D03 value of 0", reply("6:valuesl0:e"), BadMessage, ""},
		{"D03 value of 7", reply("6:valuesl7:aaaaaaae"), BadMessage, ""},
		{"D03 value a number", reply("6:valuesli5ee"), BadMessage, ""},
		{"D03 values a string", reply("6:values6:aaaaaa"), BadMessage, ""},
		{"no result", "d1:t2:aa1:y1:re", BadMessage, ""},
		{"result without id", "d1:rde1:t2:aa1:y1:re", BadMessage, ""},
		{"token of 0", reply("5:token0:"), passes, reply("")},
		{"token too long", reply("5:token65:" + strings.Repeat("t", 65)), passes, reply("")},
		{"filter of 255", string(replyOf([]byte("aa"), "")), passes, ""},

		{"error", "d1:eli203e7:invalide1:t2:aa1:y1:ee", passes, ""},
		{"error with more", "d1:eli203e7:invalidi1ee1:t2:aa1:y1:ee", passes, "d1:eli203e7:invalide1:t2:aa1:y1:ee"},
		{"error of text", "d1:e3:bad1:t2:aa1:y1:ee", passes, "d1:eli201e3:bade1:t2:aa1:y1:ee"},
		{"error the wrong way round", "d1:el3:badi1ee1:t2:aa1:y1:ee", passes, "d1:eli201e3:bade1:t2:aa1:y1:ee"},
		{"error of nothing", "d1:ele1:t2:aa1:y1:ee", passes, "d1:eli201e0:e1:t2:aa1:y1:ee"},
		{"error with a huge code", "d1:eli99999999999999999999e1:xe1:t2:aa1:y1:ee", passes, "d1:eli201e1:xe1:t2:aa1:y1:ee"},
		{"no error", "d1:t2:aa1:y1:ee", BadMessage, ""},

		{"nothing", "", Malformed, ""},
		{"not a dictionary", "4:ping", Malformed, ""},
		{"two values", pingQ + pingQ, Malformed, ""},
		{"a byte more", pingQ + "\n", Malformed, ""},
		{"a key twice", strings.Replace(pingQ, "1:t2:aa", "1:t2:aa1:t2:bb", 1), Malformed, ""},
		{"seven levels", strings.Replace(pingQ, "1:q4", "1:bllllllleeeeeee1:q4", 1), Malformed, ""},
		{"401 items", strings.Replace(pingQ, "1:q4", "1:bl"+strings.Repeat("0:", 400)+"e1:q4", 1), Malformed, ""},
		{"1501 bytes", "d" + strings.Repeat("x", 1499) + "e", TooLarge, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var m message
			why := m.parse([]byte(tc.in), foreign)
			if why != tc.why {
				t.Fatalf("%v, want %v", why, tc.why)
			}
			if tc.out == "" {
				tc.out = tc.in
			}
			if out := string(m.append(nil)); why == passes && out != tc.out {
				t.Fatalf("becomes\n%q, want\n%q", out, tc.out)
			}
		})
	}
}

// TestParseCut: no prefix of a message is one.
func TestParseCut(t *testing.T) {
	var m message
	for _, b := range append(hostile.Queries(), hostile.Replies()...) {
		if why := m.parse(b, foreign); why != passes {
			t.Fatalf("%q: %v", b, why)
		}
		for i := range b {
			if why := m.parse(b[:i], foreign); why != Malformed {
				t.Fatalf("%q: %v", b[:i], why)
			}
		}
	}
}

// TestReuse: nothing of one message is left in the next.
func TestReuse(t *testing.T) {
	var m message
	for _, b := range append(hostile.Replies(), hostile.Queries()...) {
		var fresh message
		m.parse(b, foreign)
		fresh.parse(b, foreign)
		if x, y := m.append(nil), fresh.append(nil); !bytes.Equal(x, y) {
			t.Fatalf("%q, fresh %q", x, y)
		}
	}
}

// TestReasons: each has a name of its own.
func TestReasons(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range append(Reasons(), passes, numReasons) {
		if s := r.String(); s == "" || seen[s] || strings.ContainsAny(s, " \"") {
			t.Errorf("reason %d is called %q", r, s)
		}
		seen[r.String()] = true
	}
}
