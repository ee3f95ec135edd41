package testbed

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"fastman/internal/run"
)

const (
	keycloakVersion  = "26.7.3"
	keycloakPatience = 4 * time.Minute // for a first start on a busy machine
	downloadPatience = 10 * time.Minute
	keycloakAdmin    = "admin" // name and password of a server that only this machine reaches
)

// Keycloak is a server that belongs to one test and those in it.
type Keycloak struct {
	URL    string
	server *Server
	ready  chan struct{} // closed once it answers, or err is set
	err    error
}

// BeginKeycloak starts a server that imports files NAME-realm.json, and does not wait: see
// Await. It ends with the test, which is skipped where there is no Java.
func BeginKeycloak(t testing.TB, realms ...string) *Keycloak {
	t.Helper()
	home := filepath.Join(t.TempDir(), "keycloak")
	if err := os.CopyFS(home, os.DirFS(keycloakHome(t))); err != nil {
		t.Fatal(err)
	}
	for _, file := range realms {
		copyFile(t, file, filepath.Join(home, "data", "import", filepath.Base(file)))
	}
	k, err := startKeycloak(home, FreePort(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.server.Stop()
		if t.Failed() && k.err != nil {
			t.Logf("Keycloak's output ends with:\n%s", tail(k.server.Output(), 40))
		}
	})
	return k
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Await waits until the server answers.
func (k *Keycloak) Await(t testing.TB) {
	t.Helper()
	<-k.ready
	if k.err != nil {
		t.Fatalf("Keycloak does not start: %v\n%s", k.err, tail(k.server.Output(), 40))
	}
}

// startKeycloak starts the server that stands in home. Its memory is bounded: it takes
// what it is allowed to.
func startKeycloak(home string, port int) (*Keycloak, error) {
	k := &Keycloak{URL: "http://127.0.0.1:" + strconv.Itoa(port), ready: make(chan struct{})}
	process, err := run.Start(context.Background(), run.Spec{
		Args: []string{filepath.Join(home, "bin", "kc.sh"), "start-dev", "--http-host=127.0.0.1", "--http-port=" + strconv.Itoa(port), "--import-realm"},
		Dir:  home,
		Env: []string{
			"KC_BOOTSTRAP_ADMIN_USERNAME=" + keycloakAdmin, "KC_BOOTSTRAP_ADMIN_PASSWORD=" + keycloakAdmin,
			"JAVA_OPTS_KC_HEAP=-Xms64m -Xmx512m", "JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1",
		},
	})
	if err != nil {
		return nil, err
	}
	k.server = &Server{URL: k.URL, Pid: process.Pid(), output: &collected{}, process: process}
	go func() { _, _ = io.Copy(k.server.output, process.Stdout) }()
	go func() {
		defer close(k.ready)
		k.err = k.answers()
	}()
	return k, nil
}

func (k *Keycloak) answers() error {
	for deadline := time.Now().Add(keycloakPatience); time.Now().Before(deadline); {
		select {
		case <-k.server.process.Done():
			return fmt.Errorf("it has ended")
		case <-time.After(100 * time.Millisecond):
		}
		res, err := http.Get(k.URL + "/realms/master")
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("no answer within %v", keycloakPatience)
}

// keycloakHome is a distribution that was started once: its tables are there, and the
// next start of a copy takes a third of the time. It is made once per machine.
func keycloakHome(t testing.TB) string {
	t.Helper()
	if _, err := run.LookPath("java"); err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no Java here, so no Keycloak runs in this test")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "fastman-test", "keycloak-"+keycloakVersion)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	held := whenFree(t, dir)
	defer func() { _ = held.Release() }()
	home, done := filepath.Join(dir, "keycloak-"+keycloakVersion), filepath.Join(dir, "done")
	if _, err := os.Stat(done); err == nil {
		return home
	}
	unpackKeycloak(t, dir)
	k, err := startKeycloak(home, FreePort(t))
	if err != nil {
		t.Fatal(err)
	}
	defer k.server.Stop()
	k.Await(t)
	k.server.Stop()
	if err := os.WriteFile(done, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return home
}

// unpackKeycloak gets the distribution from Maven's repository.
func unpackKeycloak(t testing.TB, dir string) {
	t.Helper()
	archive := fromMaven(t, dir, "org.keycloak", "keycloak-quarkus-dist", keycloakVersion, "tar.gz")
	mustWithin(t, downloadPatience, "tar", "-xzf", archive, "-C", dir)
}

// fromMaven downloads a file of Maven's repository to dir, unless it is there.
func fromMaven(t testing.TB, dir, group, artifact, version, kind string) (path string) {
	t.Helper()
	path = filepath.Join(dir, artifact+"-"+version+"."+kind)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if _, err := run.LookPath("mvn"); err != nil {
		t.Skip("there is no Maven here to download " + artifact + " with")
	}
	mustWithin(t, downloadPatience, "mvn", "-q", "-B", "dependency:copy",
		"-Dartifact="+group+":"+artifact+":"+version+":"+kind, "-DoutputDirectory="+dir, "-Dmdep.useBaseVersion=true")
	return path
}

const swaggerVersion = "5.34.1"

// SwaggerUI are the files of the page that FastAPI's /docs takes from elsewhere.
func SwaggerUI(t testing.TB) fs.FS {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "fastman-test", "swagger-ui-"+swaggerVersion)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	held := whenFree(t, dir)
	defer func() { _ = held.Release() }()
	jar, err := zip.OpenReader(fromMaven(t, dir, "org.webjars", "swagger-ui", swaggerVersion, "jar"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = jar.Close() })
	files, err := fs.Sub(jar, "META-INF/resources/webjars/swagger-ui/"+swaggerVersion)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// NewRealm makes a realm of its representation.
func (k *Keycloak) NewRealm(t testing.TB, realm map[string]any) {
	t.Helper()
	body, err := json.Marshal(realm)
	if err != nil {
		t.Fatal(err)
	}
	k.administer(t, http.MethodPost, "/admin/realms", body)
}

// DropRealm ends a realm with all that it has.
func (k *Keycloak) DropRealm(t testing.TB, name string) {
	t.Helper()
	k.administer(t, http.MethodDelete, "/admin/realms/"+name, nil)
}

func (k *Keycloak) administer(t testing.TB, method, path string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, k.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+k.adminToken(t))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode >= 300 {
		t.Fatalf("Keycloak answers %s %s with %d: %s", method, path, res.StatusCode, text)
	}
}

// adminToken is good for a minute.
func (k *Keycloak) adminToken(t testing.TB) string {
	t.Helper()
	res, err := http.PostForm(k.URL+"/realms/master/protocol/openid-connect/token", url.Values{
		"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {keycloakAdmin}, "password": {keycloakAdmin},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("Keycloak gives its administrator no token: status %d, %v", res.StatusCode, err)
	}
	return answer.AccessToken
}
