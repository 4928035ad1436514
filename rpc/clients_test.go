package rpc

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"shoal/internal/fakeengine"
	"shoal/status"
)

// Requests as known clients send them, and what they need of the answers.

// TestSonarrAndRadarr: GET for the id, a version that their expression takes, the fields of their list, and what follows an import.
func TestSonarrAndRadarr(t *testing.T) {
	p := newProbe(t, 2, Options{User: "sonarr", Password: "secret"})
	auth := func(r *http.Request) { r.SetBasicAuth("sonarr", "secret") }
	if w := p.do(p.request("", verb("GET"), noID)); w.Code != 401 {
		t.Fatalf("without a password: %d", w.Code)
	}
	w := p.do(p.request("", verb("GET"), noID, auth))
	if w.Code != 409 || w.Header().Get(headerID) == "" {
		t.Fatalf("first contact: %d", w.Code)
	}
	ask := func(body string) map[string]any {
		t.Helper()
		got := p.call(body, auth, header("Content-Type", "application/json")).(map[string]any)
		if got["result"] != "success" {
			t.Fatalf("%s: %v", body, got["result"])
		}
		return got["arguments"].(map[string]any)
	}
	version := ask(`{"method":"session-get"}`)["version"].(string)
	m := regexp.MustCompile(`^(?:\D*)((?:\d+\.){1,3}\d+).*\(`).FindStringSubmatch(version)
	if m == nil || m[1] != "4.0.6" {
		t.Errorf("version %q", version)
	}
	p.engine.Edit(fakeengine.Torrent(2).ID, func(e *status.Entry) {
		e.Have, e.Phase, e.Stopped, e.GoalReached = e.Wanted, status.Paused, true, true
	})
	list := ask(`{"method":"torrent-get","arguments":{"fields":["id","hashString","name","downloadDir","totalSize","leftUntilDone","isFinished","eta","status","secondsDownloading",
		"secondsSeeding","errorString","uploadedEver","downloadedEver","seedRatioLimit","seedRatioMode","seedIdleLimit","seedIdleMode","fileCount","file-count","labels"]}}`)["torrents"].([]any)
	if len(list) != 2 || len(list[0].(map[string]any)) != 21 {
		t.Fatalf("list: %v", list)
	}
	done := list[1].(map[string]any)
	if done["isFinished"] != true || done["status"] != 0.0 || done["leftUntilDone"] != 0.0 || done["file-count"] != done["fileCount"] {
		t.Errorf("at its goal: %v", done)
	}
	hash := strings.Repeat("c", 40)
	added := ask(`{"method":"torrent-add","arguments":{"filename":"magnet:?xt=urn:btih:` + hash + `","download-dir":"/data/tv","paused":false,"labels":["tv-sonarr"]}}`)["torrent-added"].(map[string]any)
	if added["hashString"] != hash {
		t.Errorf("added: %v", added)
	}
	ask(`{"method":"torrent-set","arguments":{"ids":["` + strings.ToUpper(hash) + `"],"seedRatioLimit":1.1,"seedRatioMode":1,"seedIdleLimit":30,"seedIdleMode":1}}`)
	ask(`{"method":"torrent-set","arguments":{"ids":["` + hash + `"],"labels":["tv-imported"]}}`)
	ask(`{"method":"queue-move-top","arguments":{"ids":["` + hash + `"]}}`)
	ask(`{"method":"torrent-remove","arguments":{"ids":["` + hash + `"],"delete-local-data":true}}`)
	calls := p.engine.Calls()
	if got := calls[len(calls)-1]; got != "remove "+hash+" data=true undo=0s" {
		t.Errorf("last: %s", got)
	}
}

// TestFlood: a bare upper-case hash for ids, a fraction as a limit, labels on a magnet link, a tracker by its number.
func TestFlood(t *testing.T) {
	p := newProbe(t, 1, Options{})
	up := `"` + strings.ToUpper(fakeengine.Torrent(1).ID.String()) + `"`
	p.expect(`{"method":"torrent-get","arguments":{"ids":`+up+`,"fields":["files","fileStats","isPrivate"]}}`, `{"result":"success","arguments":{"torrents":[{"isPrivate":false,
		"files":[{"name":"torrent 1/a.iso","length":2097152,"bytesCompleted":1048576,"beginPiece":0,"endPiece":8,"shoal_offset":0},
			{"name":"torrent 1/read me.txt","length":1048576,"bytesCompleted":0,"beginPiece":8,"endPiece":12,"shoal_offset":2097152}],
		"fileStats":[{"bytesCompleted":1048576,"wanted":true,"priority":0},{"bytesCompleted":0,"wanted":true,"priority":0}]}]}}`)
	p.expect(`{"method":"torrent-get","arguments":{"ids":`+up+`,"fields":["peers"]}}`, `{"result":"success","arguments":{"torrents":[{"peers":[
		{"address":"192.0.2.7","port":51413,"clientName":"Some client 1.0","clientIsChoked":false,"clientIsInterested":true,"peerIsChoked":true,"peerIsInterested":false,"flagStr":"DE",
		 "isDownloadingFrom":true,"isUploadingTo":false,"isEncrypted":true,"isIncoming":false,"isUTP":false,"progress":1,"rateToClient":200000,"rateToPeer":0,
		 "bytesToClient":1048576,"bytesToPeer":0,"peerId":"LVhYMDAwMC0xMjM0NTY3ODkwMTI=","shoal_source":"tracker","shoal_snubbed":false,"shoal_queue":12},
		{"address":"2001:db8::9","port":6881,"clientName":"Another","clientIsChoked":true,"clientIsInterested":false,"peerIsChoked":false,"peerIsInterested":true,"flagStr":"UI",
		 "isDownloadingFrom":false,"isUploadingTo":true,"isEncrypted":false,"isIncoming":true,"isUTP":false,"progress":0.25,"rateToClient":0,"rateToPeer":9000,
		 "bytesToClient":0,"bytesToPeer":524288,"peerId":"","shoal_source":"incoming","shoal_snubbed":false,"shoal_queue":0}]}]}}`)
	p.expect(`{"method":"session-set","arguments":{"speed-limit-down-enabled":true,"speed-limit-down":0.9765625}}`, `{"result":"success","arguments":{}}`)
	if s, _ := p.engine.Settings(t.Context()); s.DownLimit != 977 {
		t.Errorf("limit %d", s.DownLimit)
	}
	p.expect(`{"method":"torrent-start-now","arguments":{"ids":[`+up+`]}}`, `{"result":"success","arguments":{}}`)
	magnet := strings.Repeat("d", 40)
	p.expect(`{"method":"torrent-add","arguments":{"filename":"magnet:?xt=urn:btih:`+magnet+`&dn=x","download-dir":"/data","paused":false}}`,
		`{"result":"success","arguments":{"torrent-added":{"hashString":"`+magnet+`","id":2,"name":"x"}}}`)
	p.expect(`{"method":"torrent-set","arguments":{"ids":["`+magnet+`"],"labels":["a"]}}`, `{"result":"success","arguments":{}}`)
	p.expect(`{"method":"torrent-set","arguments":{"ids":`+up+`,"trackerRemove":1}}`, `{"result":"success","arguments":{}}`)
	p.expect(`{"method":"torrent-get","arguments":{"ids":`+up+`,"fields":["trackers"]}}`, `{"result":"success","arguments":{"torrents":[{"trackers":[
		{"id":0,"announce":"http://tracker.example.com:80/announce","scrape":"http://tracker.example.com:80/scrape","tier":0,"sitename":"example"}]}]}}`)
}

// TestTremc: the id by an expression from the 409's body, a form type, arguments that are a number, a version it accepts.
func TestTremc(t *testing.T) {
	p := newProbe(t, 1, Options{})
	form := header("Content-Type", "application/x-www-form-urlencoded")
	w := p.do(p.request(`{"method":"session-get","tag":1}`, noID, form))
	m := regexp.MustCompile(`X-Transmission-Session-Id:\s*(\w+)`).FindStringSubmatch(w.Body.String())
	if w.Code != 409 || m == nil {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	id := header(headerID, m[1])
	stats := p.call(`{"method":"session-stats","tag":21,"arguments":21}`, form, id).(map[string]any)
	if stats["tag"] != 21.0 || stats["arguments"].(map[string]any)["cumulative-stats"].(map[string]any)["sessionCount"] != 9.0 {
		t.Errorf("figures: %v", stats)
	}
	args := p.call(`{"method":"session-get"}`, form, id).(map[string]any)["arguments"].(map[string]any)
	if v := args["rpc-version"].(float64); v < 8 || v > 19 {
		t.Errorf("rpc-version %v", v)
	}
	p.expect(`{"method":"torrent-get","tag":4,"arguments":{"ids":[1],"fields":["sequential_download","peersFrom","uploadRatio","desiredAvailable"]}}`,
		`{"result":"success","tag":4,"arguments":{"torrents":[{"sequential_download":false,"uploadRatio":0.5,"desiredAvailable":0,
		"peersFrom":{"fromCache":0,"fromDht":0,"fromIncoming":0,"fromLpd":0,"fromLtep":0,"fromPex":0,"fromTracker":0}}]}}`)
	stat := p.call(`{"method":"torrent-get","arguments":{"ids":[1],"fields":["trackerStats"]}}`).(map[string]any)["arguments"].(map[string]any)["torrents"].([]any)[0].(map[string]any)["trackerStats"].([]any)
	if one := stat[0].(map[string]any); len(stat) != 2 || len(one) != 28 || one["seederCount"] != 7.0 || one["downloadCount"] != 40.0 || one["lastAnnouncePeerCount"] != 50.0 || one["lastAnnounceResult"] != "Success" {
		t.Errorf("trackers: %v", stat)
	}
}

// TestTransmissionOwn: what the programs that come with Transmission ask, of both generations.
func TestTransmissionOwn(t *testing.T) {
	p := newProbe(t, 1, Options{})
	old := p.call(`{"arguments":{"fields":["error","errorString","eta","id","isFinished","leftUntilDone","name","peersGettingFromUs","peersSendingToUs","rateDownload","rateUpload",
		"sizeWhenDone","status","uploadRatio"],"ids":"recently-active"},"method":"torrent-get","tag":9}`, at("/transmission/rpc/"),
		header("Content-Type", "application/x-www-form-urlencoded")).(map[string]any)
	args := old["arguments"].(map[string]any)
	if old["tag"] != 9.0 || len(args["torrents"].([]any)) != 1 || len(args["removed"].([]any)) != 0 {
		t.Errorf("old: %v", old)
	}
	p.expect(`{"jsonrpc":"2.0","id":3,"method":"torrent_get","params":{"format":"table","ids":[1],"fields":["id","rate_download","peers_from","file_stats"]}}`,
		`{"jsonrpc":"2.0","id":3,"result":{"torrents":[["id","rate_download","peers_from","file_stats"],[1,250000,
		{"from_cache":0,"from_dht":0,"from_incoming":0,"from_lpd":0,"from_ltep":0,"from_pex":0,"from_tracker":0},
		[{"bytes_completed":1048576,"wanted":true,"priority":0},{"bytes_completed":0,"wanted":true,"priority":0}]]]}}`)
	for _, body := range []string{`{"jsonrpc":"2.0","method":"session_set","params":{"alt_speed_enabled":true}}`,
		`{"jsonrpc":"2.0","method":"torrent_set","params":{"ids":[1],"files_unwanted":[1]}}`} {
		if w := p.do(p.request(body)); w.Code != 204 {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
	if s, _ := p.engine.Settings(t.Context()); !s.AltOn {
		t.Error("a call without an id did nothing")
	}
}

// TestLibraries: the whole list of fields of a widespread library, and a number that is a hash of digits alone.
func TestLibraries(t *testing.T) {
	p := newProbe(t, 0, Options{})
	digits := strings.Repeat("1234567890", 4)
	p.call(`{"method":"torrent-add","arguments":{"filename":"` + digits + `"}}`)
	p.expect(`{"method":"torrent-get","arguments":{"ids":["`+digits+`"],"fields":["id","metadataPercentComplete","status","percentDone","eta","uploadRatio"]}}`,
		`{"result":"success","arguments":{"torrents":[{"id":1,"metadataPercentComplete":0,"status":4,"percentDone":0,"eta":-2,"uploadRatio":-1}]}}`)
	if got := p.server.index.hashes[digits].String(); got != digits {
		t.Error(strconv.Quote(got))
	}
}
