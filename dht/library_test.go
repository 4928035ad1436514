package dht

import (
	"os"
	"os/exec"
	"testing"
)

// TestForeignLogVariable: what another program's variables say does not end ours.
func TestForeignLogVariable(t *testing.T) {
	if os.Getenv("TEST_LOG_CHILD") != "" {
		if os.Getenv("GO_LOG") != "===" {
			t.Error("the variable is not given back")
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run", "^TestForeignLogVariable$")
	cmd.Env = append(os.Environ(), "TEST_LOG_CHILD=1", "GO_LOG====", "GO_LOG_DEFAULT_LEVEL=?", "GO_LOG_REPORT_RULES=?")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
