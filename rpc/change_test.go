package rpc

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"shoal/internal/fakeengine"
	"shoal/status"
)

// TestTorrentSet: what each argument does, in the types that clients send.
func TestTorrentSet(t *testing.T) {
	hours := func(n float64) status.Goal[time.Duration] {
		return status.Goal[time.Duration]{Mode: status.GoalOwn, Value: time.Duration(n * float64(time.Hour))}
	}
	for args, want := range map[string]func(*status.Entry){
		`"bandwidthPriority":-1`:                                  func(e *status.Entry) { e.Priority = -1 },
		`"bandwidth_priority":"1"`:                                func(e *status.Entry) { e.Priority = 1 },
		`"downloadLimit":0.9765625,"downloadLimited":true`:        func(e *status.Entry) { e.DownLimit = 977 },
		`"downloadLimit":50,"downloadLimited":false`:              func(e *status.Entry) { e.DownLimit = 0 },
		`"downloadLimited":false,"downloadLimit":50`:              func(e *status.Entry) { e.DownLimit = 0 },
		`"uploadLimit":"7"`:                                       func(e *status.Entry) { e.UpLimit = 7000 },
		`"shoal_up_limit":1234`:                                   func(e *status.Entry) { e.UpLimit = 1234 },
		`"honorsSessionLimits":0`:                                 func(e *status.Entry) { e.Exempt = true },
		`"labels":["b","a","b"]`:                                  func(e *status.Entry) { e.Labels = []string{"a", "b"} },
		`"labels":[]`:                                             func(e *status.Entry) { e.Labels = []string{} },
		`"peer-limit":12.0`:                                       func(e *status.Entry) { e.MaxPeers = 12 },
		`"queuePosition":3`:                                       func(e *status.Entry) { e.QueuePosition = 3 },
		`"seedRatioLimit":1.5,"seedRatioMode":1`:                  func(e *status.Entry) { e.Ratio = status.Goal[float64]{Mode: status.GoalOwn, Value: 1.5} },
		`"seedRatioMode":2`:                                       func(e *status.Entry) { e.Ratio.Mode = status.GoalNone },
		`"seedIdleLimit":120,"seedIdleMode":1`:                    func(e *status.Entry) { e.Idle = hours(2) },
		`"shoal_seed_time_limit":5400,"shoal_seed_time_mode":"1"`: func(e *status.Entry) { e.SeedTime = hours(1.5) },
		`"sequential_download":true`:                              func(e *status.Entry) { e.Sequential = true },
		`"group":"x"`:                                             func(e *status.Entry) { e.Group = "x" },
		`"trackerList":"http://a.example/announce\nudp://b.example:1\n\nhttp://c.example/announce"`: func(e *status.Entry) {
			e.Trackers = [][]string{{"http://a.example/announce", "udp://b.example:1"}, {"http://c.example/announce"}}
		},
		`"trackerAdd":["http://a.example/announce"]`:       func(e *status.Entry) { e.Trackers = append(e.Trackers, []string{"http://a.example/announce"}) },
		`"trackerRemove":[0]`:                              func(e *status.Entry) { e.Trackers = e.Trackers[1:] },
		`"trackerRemove":["udp://other.example.org:1337"]`: func(e *status.Entry) { e.Trackers = e.Trackers[:1] },
		`"trackerReplace":[1,"http://a.example/announce"]`: func(e *status.Entry) { e.Trackers[1] = []string{"http://a.example/announce"} },
		`"location":"/elsewhere"`:                          func(e *status.Entry) { e.Dir = "/elsewhere" },
		`"nonsense":1,"labels":null`:                       func(*status.Entry) {},
	} {
		p := newProbe(t, 1, Options{})
		p.expect(`{"method":"torrent-set","arguments":{"ids":1,`+args+`}}`, `{"result":"success","arguments":{}}`)
		e := fakeengine.Torrent(1)
		want(&e)
		got, _ := p.engine.Entry(t.Context(), e.ID)
		got.Changed = e.Changed
		if !reflect.DeepEqual(got, e) {
			t.Errorf("%s\nmakes %+v\nwant  %+v", args, got, e)
		}
	}
	for _, args := range []string{`"bandwidthPriority":2`, `"downloadLimit":-1`, `"downloadLimit":"fast"`, `"downloadLimit":1e300`, `"labels":"x"`, `"labels":["a,b"]`, `"labels":[""]`,
		`"labels":[[]]`, `"peer-limit":-1`, `"queuePosition":1e18`, `"seedRatioMode":3`, `"seedRatioLimit":-1`, `"seedIdleLimit":1e30`, `"trackerAdd":[7]`, `"trackerRemove":[2]`,
		`"trackerRemove":[-1]`, `"trackerReplace":[0]`, `"trackerReplace":[5,"http://a.example/announce"]`, `"trackerList":7.5,"x":1`, `"trackerList":"a b"`, `"files-wanted":[2]`,
		`"files-wanted":[-1]`, `"files-wanted":1`, `"location":"x"`, `"group":[]`, `"sequential_download":"perhaps"`} {
		p := newProbe(t, 1, Options{})
		if got := p.call(`{"method":"torrent-set","arguments":{"ids":1,` + args + `}}`).(map[string]any)["result"]; got == "success" || len(p.engine.Calls()) > 0 {
			t.Errorf("%s is taken: %v", args, p.engine.Calls())
		}
	}
}

// TestFileChoice: files by index, all of them with an empty list; a file that is not wanted has no priority.
func TestFileChoice(t *testing.T) {
	p := newProbe(t, 1, Options{})
	for _, c := range []struct{ args, wanted, priorities string }{
		{`"files-unwanted":[0]`, `[0,1]`, `[0,0]`},
		{`"priority-high":[0,1]`, `[0,1]`, `[0,1]`},
		{`"files-wanted":[]`, `[1,1]`, `[0,1]`},
		{`"priority-low":[],"files_wanted":[0]`, `[1,1]`, `[-1,-1]`},
		{`"files-unwanted":[]`, `[0,0]`, `[0,0]`},
		{`"files-wanted":[1],"priority-high":[1]`, `[0,1]`, `[0,1]`},
	} {
		p.expect(`{"method":"torrent-set","arguments":{"ids":1,`+c.args+`}}`, `{"result":"success","arguments":{}}`)
		p.expect(`{"method":"torrent-get","arguments":{"ids":1,"fields":["wanted","priorities"]}}`,
			`{"result":"success","arguments":{"torrents":[{"wanted":`+c.wanted+`,"priorities":`+c.priorities+`}]}}`)
	}
}

// TestSessionSet: values and switches of limits are two things in the protocol and one in the settings.
func TestSessionSet(t *testing.T) {
	p := newProbe(t, 0, Options{})
	get := func(names ...string) string {
		b, _ := json.Marshal(map[string]any{"method": "session-get", "arguments": map[string]any{"fields": names}})
		args := p.call(string(b)).(map[string]any)["arguments"].(map[string]any)
		var list []any
		for _, n := range names {
			list = append(list, args[n])
		}
		return strings.TrimSpace(fmt.Sprintln(list...))
	}
	set := func(args string) {
		t.Helper()
		p.expect(`{"method":"session-set","arguments":{`+args+`}}`, `{"result":"success","arguments":{}}`)
	}
	down := []string{"speed-limit-down-enabled", "speed-limit-down"}
	for _, c := range []struct {
		args  string
		names []string
		want  string
	}{
		{`"speed-limit-down":50`, down, "false 50"},
		{`"speed-limit-down-enabled":true`, down, "true 50"},
		{`"speed-limit-down":0.9765625`, down, "true 1"},
		{`"speed-limit-down":70,"speed-limit-down-enabled":false`, down, "false 70"},
		{`"speed_limit_down":80,"speed_limit_down_enabled":true`, down, "true 80"},
		{`"shoal_down_limit":1`, append(down, "shoal_down_limit"), "true 1 1"},
		{`"seedRatioLimited":true,"seedRatioLimit":1.25`, []string{"seedRatioLimited", "seedRatioLimit", "shoal_seed_ratio"}, "true 1.25 1.25"},
		{`"idle-seeding-limit":5`, []string{"idle-seeding-limit-enabled", "idle-seeding-limit"}, "false 5"},
		{`"download-queue-size":4,"download-queue-enabled":true`, []string{"download-queue-enabled", "download-queue-size"}, "true 4"},
		{`"encryption":"required"`, []string{"encryption"}, "required"},
		{`"encryption":"tolerated"`, []string{"encryption"}, "tolerated"},
		{`"download-dir":"/other/../data"`, []string{"download-dir"}, "/data"},
		{`"start-added-torrents":false`, []string{"start-added-torrents"}, "false"},
		{`"peer-port":51413,"utp-enabled":true`, []string{"peer-port", "utp-enabled"}, "51413 false"},
		{`"alt-speed-time-begin":60,"alt-speed-time-end":120,"alt-speed-time-day":65`, []string{"alt-speed-time-begin", "alt-speed-time-end", "alt-speed-time-day"}, "60 120 65"},
		{`"shoal_alt_schedule":[{"days":127,"from":0,"to":86400},{"days":1,"from":60,"to":120}]`, []string{"alt-speed-time-day"}, "127"},
		{`"default-trackers":"http://a.example/announce\n\nhttp://b.example/announce"`, []string{"default-trackers"}, "http://a.example/announce\n\nhttp://b.example/announce"},
		{``, []string{"version", "rpc-version", "rpc-version-minimum", "rpc_version_semver", "cache-size-mb", "script-torrent-done-filename"},
			"4.0.6 (shoal 0.1.0) 18 14 6.0.0 32 /usr/bin/notify"},
	} {
		set(c.args)
		if got := get(c.names...); got != c.want {
			t.Errorf("after %s: %v are %s, want %s", c.args, c.names, got, c.want)
		}
	}
	s, _ := p.engine.Settings(t.Context())
	want := []status.Window{{Days: 127, To: 24 * time.Hour}, {Days: 1, From: time.Minute, To: 2 * time.Minute}}
	if !reflect.DeepEqual(s.AltSchedule, want) || s.Ratio != 1.25 || s.QueueDownloads != 4 || !s.AddStopped {
		t.Errorf("settings: %+v", s)
	}
	for _, args := range []string{`"speed-limit-down":-1`, `"speed-limit-down":1e300`, `"encryption":"off"`, `"download-dir":"data"`, `"peer-port":"x"`, `"alt-speed-time-day":128`,
		`"shoal_alt_schedule":[{"days":1}]`, `"shoal_alt_schedule":7`, `"dht-enabled":"perhaps"`, `"script-torrent-added-enabled":true`, `"blocklist-url":7.5e0,"pex-enabled":[]`} {
		before, _ := p.engine.Settings(t.Context())
		got := p.call(`{"method":"session-set","arguments":{"speed-limit-up-enabled":true,"speed-limit-up":9,` + args + `}}`).(map[string]any)["result"]
		after, _ := p.engine.Settings(t.Context())
		if got == "success" || !reflect.DeepEqual(before, after) {
			t.Errorf("%s: %v; of several settings all are taken or none", args, got)
		}
	}
}

// TestAdd: what torrent_add hands to the engine.
func TestAdd(t *testing.T) {
	hash := "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for args, want := range map[string]string{
		`"filename":"` + hash + `","paused":true,"labels":["x"],"download-dir":"/data/y"`:                  "true [x] /data/y 0",
		`"filename":"magnet:?xt=urn:btih:` + hash + `","paused":"false","bandwidthPriority":1.0`:           "false [] /data 1",
		`"filename":"https://example.com/x.torrent","cookies":"a=b","peer-limit":5,"download-dir":""`:      "false [] /data 0",
		`"filename":"` + hash + `","files-unwanted":[],"priority-high":[],"trackerAdd":["x"],"location":1`: "false [] /data 0",
	} {
		p := newProbe(t, 0, Options{})
		if got := p.call(`{"method":"torrent-add","arguments":{` + args + `}}`).(map[string]any); got["result"] != "success" {
			t.Errorf("%s: %v", args, got)
			continue
		}
		list, _, _ := p.engine.Entries(t.Context(), time.Time{})
		e := list[0]
		if got := strings.TrimSpace(fmt.Sprintln(e.Stopped, e.Labels, e.Dir, e.Priority)); got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
	for _, args := range []string{`"filename":""`, `"filename":7.5,"paused":[]`, `"filename":"` + hash + `","cookies":"a\r\nb"`, `"filename":"file:///etc/passwd"`, `"filename":"ftp://x/y"`,
		`"filename":"magnet:?xt=`, `"filename":"a\u0000b"`} {
		p := newProbe(t, 0, Options{})
		if got := p.call(`{"method":"torrent-add","arguments":{` + args + `}}`).(map[string]any); got["result"] == "success" {
			t.Errorf("%s is taken", args)
		}
	}
}

// TestQueueAndVerbs: each method reaches the verb of the engine that it names.
func TestQueueAndVerbs(t *testing.T) {
	p := newProbe(t, 2, Options{})
	for _, m := range []string{"torrent-start", "torrent-start-now", "torrent-stop", "torrent-verify", "torrent-reannounce", "queue-move-top", "queue-move-up", "queue-move-down",
		"queue-move-bottom", "session-close"} {
		p.expect(`{"method":"`+m+`","arguments":{"ids":[2]}}`, `{"result":"success","arguments":{}}`)
	}
	want := "[start torrent 2 start now torrent 2 stop torrent 2 verify torrent 2 announce torrent 2 queue 0 of 1 queue 1 of 1 queue 2 of 1 queue 3 of 1 shutdown]"
	if got := fmt.Sprint(p.engine.Calls()); got != want || !p.engine.Down() {
		t.Errorf("the engine was told\n%s, want\n%s", got, want)
	}
	p.engine.Say("warn", "disk full")
	p.engine.Say("info", "two")
	got := p.call(`{"method":"shoal_log","arguments":{"after":1}}`).(map[string]any)["arguments"].(map[string]any)["lines"].([]any)
	if len(got) != 1 || got[0].(map[string]any)["text"] != "two" || got[0].(map[string]any)["serial"] != 2.0 {
		t.Errorf("log: %v", got)
	}
}

// TestRates: the history of rates comes over the wire as it is, in both dialects.
func TestRates(t *testing.T) {
	p := newProbe(t, 2, Options{})
	for body, want := range map[string][3]float64{
		`{"method":"shoal_rates"}`:                                             {1, 300, 1299},
		`{"method":"shoal-rates","arguments":{"ids":"HASH1"}}`:                 {5, 60, 59},
		`{"jsonrpc":"2.0","id":1,"method":"shoal_rates","params":{"ids":[2]}}`: {5, 60, 59},
	} {
		body = strings.ReplaceAll(body, "HASH1", fakeengine.Torrent(1).ID.String())
		got := p.call(body).(map[string]any)
		result, old := got["arguments"].(map[string]any)
		if !old {
			result = got["result"].(map[string]any)
		}
		down, up := result["down"].([]any), result["up"].([]any)
		if result["step"] != want[0] || float64(len(down)) != want[1] || len(up) != len(down) || down[len(down)-1] != want[2] {
			t.Errorf("%s is answered with %v", body, got)
		}
	}
	for _, ids := range []string{`[1,2]`, `[]`, `7`, `"recently_active"`, `{}`} {
		if got := p.call(`{"method":"shoal_rates","arguments":{"ids":` + ids + `}}`).(map[string]any); got["result"] == "success" {
			t.Errorf("the rates of %s: %v", ids, got)
		}
	}
}
