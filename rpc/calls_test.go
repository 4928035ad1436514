package rpc

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"shoal/internal/fakeengine"
	"shoal/metainfo"
	"shoal/status"
)

// TestOldDialect: the answers that clients know, word for word.
func TestOldDialect(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"stats have all", `{"method":"session-close","tag":7}`, `{"result":"success","arguments":{},"tag":7}`},
		{"unknown method", `{"method":"torrent-fly","tag":1}`, `{"result":"method name not recognized","arguments":{},"tag":1}`},
		{"no method", `{"tag":2}`, `{"result":"no method name","arguments":{},"tag":2}`},
		{"empty", ``, `{"result":"no method name","arguments":{}}`},
		{"not JSON", `{"method":`, `{"result":"no method name","arguments":{}}`},
		{"no object", `21`, `{"result":"no method name","arguments":{}}`},
		{"no fields", `{"method":"torrent-get","arguments":{}}`, `{"result":"no fields specified","arguments":{}}`},
		{"arguments are a number", `{"method":"torrent-start","arguments":21}`, `{"result":"success","arguments":{}}`},
		{"arguments are a list", `{"method":"torrent-start","arguments":[1]}`, `{"result":"success","arguments":{}}`},
		{"tag as a string", `{"method":"torrent-start","tag":"x\"y"}`, `{"result":"success","arguments":{},"tag":"x\"y"}`},
		{"tag as a list", `{"method":"torrent-start","tag":[1]}`, `{"result":"success","arguments":{}}`},
		{"snake_case method", `{"method":"torrent_start"}`, `{"result":"success","arguments":{}}`},
		{"relative folder", `{"method":"torrent-add","arguments":{"filename":"magnet:?xt=urn:btih:HASH1","download-dir":"x"}}`, `{"result":"download directory path is not absolute","arguments":{}}`},
		{"relative location", `{"method":"torrent-set-location","arguments":{"ids":1,"location":"../x"}}`, `{"result":"download directory path is not absolute","arguments":{}}`},
		{"corrupt metainfo", `{"method":"torrent-add","arguments":{"metainfo":"aGVsbG8="}}`, ``},
		{"not base64", `{"method":"torrent-add","arguments":{"metainfo":"%%"}}`, `{"result":"invalid or corrupt torrent file","arguments":{}}`},
		{"nothing to add", `{"method":"torrent-add","arguments":{}}`, `{"result":"no filename or metainfo specified","arguments":{}}`},
		{"unknown ids", `{"method":"torrent-get","arguments":{"ids":[77,"ab","` + strings.Repeat("0", 40) + `"],"fields":["id"]}}`, `{"result":"success","arguments":{"torrents":[]}}`},
		{"unknown ids to start", `{"method":"torrent-start","arguments":{"ids":[77]}}`, `{"result":"success","arguments":{}}`},
		{"remove without ids", `{"method":"torrent-remove","arguments":{"delete-local-data":true}}`, `{"result":"invalid argument: ids must name the torrents to remove","arguments":{}}`},
		{"duplicate", `{"method":"torrent-add","arguments":{"filename":"HASH1"}}`, `{"result":"success","arguments":{"torrent-duplicate":{"hashString":"HASH1","id":1,"name":"torrent 1"}}}`},
		{"free space", `{"method":"free-space","arguments":{"path":"/data"}}`, `{"result":"success","arguments":{"path":"/data","size-bytes":536870912000,"total_size":1073741824000}}`},
		{"free space of nothing", `{"method":"free-space","arguments":{}}`, `{"result":"invalid argument","arguments":{}}`},
		{"port", `{"method":"port-test"}`, `{"result":"success","arguments":{"port-is-open":true}}`},
		{"blocklist", `{"method":"blocklist-update"}`, `{"result":"success","arguments":{"blocklist-size":393006}}`},
		{"rename", `{"method":"torrent-rename-path","arguments":{"ids":[1],"path":"torrent 1","name":"other"}}`, `{"result":"success","arguments":{"path":"torrent 1","name":"other","id":1}}`},
		{"rename two", `{"method":"torrent-rename-path","arguments":{"path":"torrent 1","name":"other"}}`, `{"result":"ids, path and name: invalid argument: one torrent and two strings is expected","arguments":{}}`},
		{"groups", `{"method":"group-get"}`, `{"result":"success","arguments":{"group":[{"name":"default","honorsSessionLimits":true,"speed-limit-down":0,
			"speed-limit-down-enabled":false,"speed-limit-up":0,"speed-limit-up-enabled":false}]}}`},
		{"group limit", `{"method":"group-set","arguments":{"name":"x","speed-limit-down-enabled":true}}`, `{"result":"limits of groups are not offered by this daemon: set those of its torrents","arguments":{}}`},
		{"group", `{"method":"group-set","arguments":{"name":"x","honorsSessionLimits":true}}`, `{"result":"success","arguments":{}}`},
		{"script", `{"method":"session-set","arguments":{"script-torrent-done-filename":"/tmp/x"}}`, `{"result":"invalid argument: the programs that are run are set in the configuration file alone","arguments":{}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newProbe(t, 2, Options{})
			if c.want == "" {
				got := p.call(c.body).(map[string]any)
				if !strings.HasPrefix(got["result"].(string), "invalid or corrupt torrent file") {
					t.Errorf("result %q", got["result"])
				}
				return
			}
			p.expect(c.body, c.want)
		})
	}
}

// TestNewDialect: JSON-RPC 2.0 with its codes, batches and notifications.
func TestNewDialect(t *testing.T) {
	failed := func(code int, message, text, id string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","error":{"code":%d,"message":%q,"data":{"error_string":%q}},"id":%s}`, code, message, text, id)
	}
	for _, c := range []struct{ name, body, want string }{
		{"result", `{"jsonrpc":"2.0","method":"torrent_get","params":{"ids":1,"fields":["hash_string"]},"id":"a"}`, `{"jsonrpc":"2.0","result":{"torrents":[{"hash_string":"HASH1"}]},"id":"a"}`},
		{"id null", `{"jsonrpc":"2.0","method":"torrent_start","id":null}`, `{"jsonrpc":"2.0","result":{},"id":null}`},
		{"not JSON", `{"jsonrpc":"2.0",`, failed(-32700, "Parse error", "no method name", "null")},
		{"empty batch", `[]`, failed(-32600, "Invalid Request", "no method name", "null")},
		{"long batch", "[" + strings.Repeat("1,", 100) + "1]", failed(-32600, "Invalid Request", "too many calls in one batch", "null")},
		{"wrong version", `{"jsonrpc":"1.0","method":"torrent_start","id":1}`, failed(-32600, "Invalid Request", "no method name", "1")},
		{"no method", `{"jsonrpc":"2.0","id":1}`, failed(-32600, "Invalid Request", "no method name", "1")},
		{"unknown method", `{"jsonrpc":"2.0","method":"x","id":1}`, failed(-32601, "Method not found", "method name not recognized", "1")},
		{"params by position", `{"jsonrpc":"2.0","method":"torrent_start","params":[1],"id":1}`, failed(-32602, "Invalid params", "invalid argument", "1")},
		{"no fields", `{"jsonrpc":"2.0","method":"torrent_get","id":1}`, failed(-32602, "Invalid params", "no fields specified", "1")},
		{"tracker", `{"jsonrpc":"2.0","method":"torrent_set","params":{"ids":1,"tracker_add":["x"]},"id":1}`, failed(1, "error setting announce list", "tracker_add: invalid argument: not the URL of a tracker", "1")},
		{"tracker list", `{"jsonrpc":"2.0","method":"torrent_set","params":{"ids":1,"tracker_remove":[9]},"id":1}`, failed(2, "Invalid tracker list", "tracker_remove: invalid argument: the list of trackers", "1")},
		{"relative path", `{"jsonrpc":"2.0","method":"free_space","params":{"path":"x"},"id":1}`, failed(3, "path is not absolute", "download directory path is not absolute", "1")},
		{"file index", `{"jsonrpc":"2.0","method":"torrent_set","params":{"ids":1,"files_wanted":[9]},"id":1}`, failed(6, "file index out of range", "file index out of range: no such file in the torrent", "1")},
		{"corrupt", `{"jsonrpc":"2.0","method":"torrent_add","params":{"metainfo":"!"},"id":1}`, failed(9, "invalid or corrupt torrent file", "invalid or corrupt torrent file", "1")},
		{"batch", `[{"jsonrpc":"2.0","method":"torrent_stop","params":{"ids":1}},{"jsonrpc":"2.0","method":"torrent_start","id":2},{"jsonrpc":"2.0","method":"x","id":3}, 7]`,
			`[{"jsonrpc":"2.0","result":{},"id":2},` + failed(-32601, "Method not found", "method name not recognized", "3") + "," + failed(-32600, "Invalid Request", "no method name", "null") + `]`},
		{"added", `{"jsonrpc":"2.0","method":"torrent_add","params":{"filename":"HASH1"},"id":1}`, `{"jsonrpc":"2.0","result":{"torrent_duplicate":{"hash_string":"HASH1","id":1,"name":"torrent 1"}},"id":1}`},
		{"port", `{"jsonrpc":"2.0","method":"port_test","params":{"ip_protocol":"ipv6"},"id":1}`, `{"jsonrpc":"2.0","result":{"port_is_open":true,"ip_protocol":"ipv6"},"id":1}`},
	} {
		t.Run(c.name, func(t *testing.T) { newProbe(t, 2, Options{}).expect(c.body, c.want) })
	}
	for _, body := range []string{
		`{"jsonrpc":"2.0","method":"torrent_stop","params":{"ids":1}}`,
		`[{"jsonrpc":"2.0","method":"torrent_stop","params":{"ids":1}},{"jsonrpc":"2.0","method":"x"}]`,
	} {
		p := newProbe(t, 2, Options{})
		if w := p.do(p.request(body)); w.Code != 204 || w.Body.Len() > 0 || len(p.engine.Calls()) != 1 {
			t.Errorf("notification: %d, %q, the engine was told %v", w.Code, w.Body, p.engine.Calls())
		}
	}
}

// TestErrorsOfTheEngine: what the engine fails with has its code and its words.
func TestErrorsOfTheEngine(t *testing.T) {
	for _, c := range []struct {
		err  error
		body string
		code float64
		text string
	}{
		{fmt.Errorf("/etc: %w", status.ErrOutside), `"method":"torrent_add","params":{"filename":"magnet:?xt=urn:btih:` + strings.Repeat("1", 40) + `"}`, -32602, "/etc: " + status.ErrOutside.Error()},
		{errors.New("404 Not Found"), `"method":"torrent_add","params":{"filename":"http://example.com/x.torrent"}`, 8, "the torrent could not be fetched: 404 Not Found"},
		{errors.New("no route"), `"method":"blocklist_update"`, 10, "the blocklist could not be fetched: no route"},
		{errors.New("disk\x1b[31m full"), `"method":"torrent_start"`, 5, "disk␛[31m full"},
	} {
		p := newProbe(t, 1, Options{})
		p.engine.Fault = func(verb string) error {
			if verb == "entries" || verb == "settings" {
				return nil
			}
			return c.err
		}
		got := p.call(`{"jsonrpc":"2.0",` + c.body + `,"id":1}`).(map[string]any)["error"].(map[string]any)
		if said := got["data"].(map[string]any)["error_string"]; got["code"] != c.code || said != c.text {
			t.Errorf("%v: code %v, %q; want %v, %q", c.err, got["code"], said, c.code, c.text)
		}
	}
}

// TestC04Folders: where a torrent may go is the engine's decision, of the path as it will be; what is no path does not reach it.
func TestC04Folders(t *testing.T) {
	for dir, want := range map[string]string{
		"/data/x": "success", "/data/../../etc": "/etc: " + status.ErrOutside.Error(), "/etc": "/etc: " + status.ErrOutside.Error(),
		"../../..": errRelative.Error(), "/data/\x00": errArgument.Error(), "/data/../data/y": "success", "/database": "/database: " + status.ErrOutside.Error(),
	} {
		p := newProbe(t, 1, Options{})
		s, _ := p.engine.Settings(t.Context())
		s.Roots = []string{"/data"}
		if err := p.engine.Set(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		d, _ := json.Marshal(dir)
		for _, body := range []string{
			`{"method":"torrent-add","arguments":{"filename":"` + strings.Repeat("2", 40) + `","download-dir":` + string(d) + `}}`,
			`{"method":"torrent-set-location","arguments":{"ids":1,"move":true,"location":` + string(d) + `}}`,
			`{"method":"torrent-set","arguments":{"ids":1,"location":` + string(d) + `}}`,
		} {
			if got := p.call(body).(map[string]any)["result"]; got != want {
				t.Errorf("%q in %s: %q, want %q", dir, body, got, want)
			}
		}
	}
}

// TestC04Paths: a path on the daemon's machine may be named by its own user alone.
func TestC04Paths(t *testing.T) {
	body := `{"method":"torrent-add","arguments":{"filename":"/home/me/x.torrent"}}`
	for _, c := range []struct {
		name string
		opt  Options
		from string
		want string
	}{
		{"loopback", Options{}, "127.0.0.1:1", errLocal.Error()},
		{"loopback where it is allowed", Options{LocalPaths: true}, "[::1]:1", "success"},
		{"elsewhere", Options{LocalPaths: true}, "192.0.2.1:1", errLocal.Error()},
	} {
		p := newProbe(t, 0, c.opt)
		if got := p.call(body, from(c.from)).(map[string]any)["result"]; got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestIDs: every way to name a torrent.
func TestIDs(t *testing.T) {
	hash := fakeengine.Torrent(2).ID.String()
	for ids, want := range map[string]string{
		`2`: `[2]`, `2.0`: `[2]`, `2.5`: `[]`, `"2"`: `[2]`, `[2]`: `[2]`, `[3,1,3]`: `[3,1]`, `[]`: `[]`, `null`: `[1,2,3]`, `{}`: `[]`, `true`: `[]`,
		`"` + hash + `"`: `[2]`, `"` + strings.ToUpper(hash) + `"`: `[2]`, `["` + hash + `",1,2]`: `[2,1]`, `"recently-active"`: `[3]`, `"recently_active"`: `[3]`,
		`-1`: `[]`, `1e300`: `[]`,
	} {
		p := newProbe(t, 3, Options{})
		later := time.Now().Add(recently - 500*time.Millisecond)
		p.server.now = func() time.Time { return later }
		got := p.call(`{"method":"torrent-get","arguments":{"fields":["id"],"ids":` + ids + `}}`).(map[string]any)["arguments"].(map[string]any)
		var list []any
		for _, x := range got["torrents"].([]any) {
			list = append(list, x.(map[string]any)["id"])
		}
		if b, _ := json.Marshal(list); string(b) != want && !(list == nil && want == `[]`) {
			t.Errorf("ids %s are %s, want %s", ids, b, want)
		}
		if _, ok := got["removed"]; ok != strings.Contains(ids, "recently") {
			t.Errorf("ids %s: removed is there: %t", ids, ok)
		}
	}
}

// TestIDsFollowTheList: numbers and hashes that are gone name nothing, those that came name what came.
func TestIDsFollowTheList(t *testing.T) {
	p := newProbe(t, 2, Options{})
	get := func(ids string) string {
		b, _ := json.Marshal(p.call(`{"method":"torrent-get","arguments":{"fields":["id"],"ids":` + ids + `}}`).(map[string]any)["arguments"].(map[string]any)["torrents"])
		return string(b)
	}
	h := `"` + fakeengine.Torrent(1).ID.String() + `"`
	if got := get(`[1,2,` + h + `]`); got != `[{"id":1},{"id":2}]` {
		t.Error(got)
	}
	p.expect(`{"method":"torrent-remove","arguments":{"ids":[1],"shoal_undo_seconds":10}}`, `{"result":"success","arguments":{}}`)
	if got := get(`[1,2,` + h + `]`); got != `[{"id":2}]` {
		t.Error(got)
	}
	p.expect(`{"method":"shoal_torrent_restore","arguments":{"hashes":[`+h+`]}}`, `{"result":"success","arguments":{}}`)
	if got := get(`[1,2,` + h + `]`); got != `[{"id":2},{"id":3}]` {
		t.Error(got)
	}
	if got, want := p.engine.Calls(), `[remove torrent 1 data=false undo=10s restore torrent 1]`; fmt.Sprint(got) != want {
		t.Errorf("the engine was told %v, want %s", got, want)
	}
	p.expect(`{"method":"shoal_torrent_restore","arguments":{"hashes":[`+h+`]}}`, `{"result":"no such torrent","arguments":{}}`)
	p.expect(`{"method":"torrent-remove","arguments":{"ids":[2],"shoal_undo_seconds":61}}`,
		`{"result":"shoal_undo_seconds: invalid argument: a number from 0 to 60 is expected","arguments":{}}`)
}

// TestSince: with the time of the last answer a caller hears what changed after it.
func TestSince(t *testing.T) {
	p := newProbe(t, 2, Options{})
	all := p.call(`{"method":"torrent-get","arguments":{"fields":["id"],"shoal_since":0}}`).(map[string]any)["arguments"].(map[string]any)
	if len(all["torrents"].([]any)) != 2 || all["shoal_now"] == nil {
		t.Fatal(all)
	}
	now := time.Now().Add(time.Hour)
	p.engine.Now = func() time.Time { return now }
	p.expect(`{"method":"torrent-stop","arguments":{"ids":2}}`, `{"result":"success","arguments":{}}`)
	p.expect(`{"method":"torrent-remove","arguments":{"ids":1}}`, `{"result":"success","arguments":{}}`)
	got := p.call(fmt.Sprintf(`{"method":"torrent-get","arguments":{"fields":["id"],"shoal_since":%d}}`, now.UnixMilli()-1)).(map[string]any)["arguments"].(map[string]any)
	if b, _ := json.Marshal([]any{got["torrents"], got["removed"]}); string(b) != `[[{"id":2}],[1]]` {
		t.Errorf("changed: %s", b)
	}
}

// TestSpelling: a field is answered under the name that was asked for, and what nobody knows is left out.
func TestSpelling(t *testing.T) {
	newProbe(t, 1, Options{}).expect(`{"method":"torrent-get","arguments":{"ids":1,"fields":["file-count","fileCount","file_count","PEER-limit","sequential_download","nonsense",7,"id"]}}`,
		`{"result":"success","arguments":{"torrents":[{"file-count":2,"fileCount":2,"file_count":2,"PEER-limit":50,"sequential_download":false,"id":1}]}}`)
	newProbe(t, 2, Options{}).expect(`{"method":"torrent-get","arguments":{"format":"table","fields":["id","nonsense","name"]}}`,
		`{"result":"success","arguments":{"torrents":[["id","name"],[1,"torrent 1"],[2,"torrent 2"]]}}`)
}

// TestEveryFieldIsJSON: all fields of all tables, in both dialects, of a torrent, of one without metadata and of the settings.
func TestEveryFieldIsJSON(t *testing.T) {
	p := newProbe(t, 1, Options{})
	p.call(`{"method":"torrent-add","arguments":{"filename":"` + strings.Repeat("3", 40) + `"}}`)
	p.engine.Edit(fakeengine.Torrent(1).ID, func(e *status.Entry) { e.Name, e.Err = "a\"b\\c\n\x00\xff\u2028", "disk full" })
	var names, old []string
	for _, f := range torrentFields {
		names, old = append(names, f.name), append(old, f.old)
	}
	for _, list := range [][]string{names, old} {
		b, _ := json.Marshal(list)
		for _, body := range []string{`{"method":"torrent-get","arguments":{"fields":` + string(b) + `}}`, `{"jsonrpc":"2.0","id":1,"method":"torrent_get","params":{"fields":` + string(b) + `}}`} {
			answer := p.call(body).(map[string]any)
			args, ok := answer["arguments"].(map[string]any)
			if !ok {
				args = answer["result"].(map[string]any)
			}
			for _, x := range args["torrents"].([]any) {
				if got := x.(map[string]any); len(got) != len(list) {
					t.Errorf("%d of %d fields are answered", len(got), len(list))
				}
			}
		}
	}
	if got := p.call(`{"method":"session-get"}`).(map[string]any)["arguments"].(map[string]any); len(got) != len(settings) {
		t.Errorf("%d of %d settings", len(got), len(settings))
	}
	for _, f := range torrentFields {
		if torrentByName[fold(f.name)].name != f.name || torrentByName[fold(f.old)].name != f.name {
			t.Errorf("%s stands for another field", f.name)
		}
	}
}

func TestGzip(t *testing.T) {
	p := newProbe(t, 100, Options{})
	body := `{"method":"torrent-get","arguments":{"fields":["id","name","status","hashString"]}}`
	plain := p.do(p.request(body)).Body.String()
	for accept, zipped := range map[string]bool{"gzip": true, "deflate, gzip;q=0.5": true, "*": true, "gzip;q=0": false, "deflate": false, "": false} {
		w := p.do(p.request(body, header("Accept-Encoding", accept)))
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("Accept-Encoding %q: compressed %t", accept, got)
			continue
		}
		if !zipped {
			continue
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || string(b) != plain {
			t.Errorf("Accept-Encoding %q: another answer", accept)
		}
	}
	if w := p.do(p.request(`{"method":"torrent-start","arguments":{"ids":1}}`, header("Accept-Encoding", "gzip"))); w.Header().Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
}

// leaver is an engine whose caller goes away with the first torrent.
type leaver struct {
	*fakeengine.Engine
	leave context.CancelFunc
}

func (l leaver) Stop(ctx context.Context, id metainfo.ID) error {
	l.leave()
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.Engine.Stop(ctx, id)
}

// TestCallerLeaves: a call that changes torrents changes all of them, though nobody waits for the answer any more.
func TestCallerLeaves(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := leaver{fakeengine.New(5), cancel}
	s := NewServer(e, Options{})
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1/transmission/rpc", strings.NewReader(`{"method":"torrent-stop","arguments":{"ids":[1,2,3]}}`))
	r.Header.Set(headerID, s.ids.current(time.Now()))
	s.ServeHTTP(httptest.NewRecorder(), r)
	if got := e.Calls(); len(got) != 3 || ctx.Err() == nil {
		t.Errorf("%q", got)
	}
}
