package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// evaluation is one use of a lifecycle policy on a repository of one size: how long it took, and the server's highest resident memory meanwhile.
type evaluation struct {
	What     string
	Images   int
	Expired  int
	Seconds  float64
	Peak     float64 // MB
	Resident float64 // MB, just before
}

func (e *evaluation) rate() float64 { return float64(e.Images) / e.Seconds }

// lifecycleRules is how many rules the policy of the scenario has: the most that there may be.
const lifecycleRules = 50

// sizes are those of the repositories: a tenth, all and ten times of what -many says.
func (b *bench) sizes() []int { return []int{b.many / 10, b.many, b.many * 10} }

func aged(size int) string { return fmt.Sprintf("bench-aged-%d", size) }

// lifecyclePolicy expires one image in a thousand: the untagged ones that are old enough. Each of the other rules is for the images of one team, keeps all of them, and has
// to be asked about every image.
func lifecyclePolicy() string {
	var rules []string
	for n := 1; n < lifecycleRules-1; n++ {
		kind, match := "tagPrefixList", fmt.Sprintf("team%02d-", n)
		if n%2 == 0 {
			kind, match = "tagPatternList", fmt.Sprintf("team%02d-*-*", n)
		}
		rules = append(rules, fmt.Sprintf(`{"rulePriority":%d,"selection":{"tagStatus":"tagged","%s":["%s"],"countType":"imageCountMoreThan","countNumber":10000000},"action":{"type":"expire"}}`, n, kind, match))
	}
	rules = append(rules,
		fmt.Sprintf(`{"rulePriority":%d,"selection":{"tagStatus":"untagged","countType":"sinceImagePushed","countUnit":"days","countNumber":1},"action":{"type":"expire"}}`, lifecycleRules-1),
		fmt.Sprintf(`{"rulePriority":%d,"selection":{"tagStatus":"any","countType":"sinceImagePushed","countUnit":"days","countNumber":10000},"action":{"type":"expire"}}`, lifecycleRules))
	return `{"rules":[` + strings.Join(rules, ",") + `]}`
}

// prepareLifecycle pushes an image, stops the server, and writes its rows again and again into repositories of each size: a push for each of so many would take an hour.
// The images are a minute apart, have digests in no order, and a tag each but for one in a thousand.
func prepareLifecycle(ctx context.Context, b *bench, t *target) error {
	c := ecr.NewFromConfig(t.root)
	names := []string{"bench-aged"}
	for _, size := range b.sizes() {
		names = append(names, aged(size))
	}
	for _, name := range names {
		if _, err := c.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name}); err != nil {
			return err
		}
	}
	if err := seed(b, t, names[0]); err != nil {
		return err
	}
	return t.offline(ctx, func(db *sql.DB) error {
		for _, size := range b.sizes() {
			fmt.Fprintf(b.say, "  %d images\n", size)
			if err := multiply(ctx, db, names[0], aged(size), size); err != nil {
				return err
			}
		}
		return nil
	})
}

// multiply writes the one image of a repository size times into another.
func multiply(ctx context.Context, db *sql.DB, from, into string, size int) error {
	var source, id int64
	if err := db.QueryRowContext(ctx, `SELECT f.id, i.id FROM repository f, repository i WHERE f.name = $1 AND i.name = $2`, from, into).Scan(&source, &id); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it is committed, or there is an error already
	latest := time.Now().Add(-48 * time.Hour).UnixMicro()
	for _, step := range []struct {
		text string
		args []any
	}{
		{`CREATE TEMPORARY TABLE made AS WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < $1)
			SELECT n, 'sha256:' || lower(hex(randomblob(32))) AS digest FROM n`, []any{size}},
		{`INSERT INTO layer (repository_id, digest, blob_id, size, pushed_at, upload, lease_until) SELECT $1, digest, blob_id, size, pushed_at, upload, 0 FROM layer WHERE repository_id = $2`, []any{id, source}},
		{`INSERT INTO manifest (repository_id, digest, media_type, artifact_media_type, artifact_type, annotations, subject, image_size, body, body_size, pushed_at, last_pull, tagged)
			SELECT $1, made.digest, m.media_type, m.artifact_media_type, m.artifact_type, m.annotations, m.subject, m.image_size, m.body, m.body_size, $2 - ($3 - n) * 60000000, 0, n % 1000 <> 999
			FROM made, manifest m WHERE m.repository_id = $4 ORDER BY n`, []any{id, latest, size, source}},
		{`INSERT INTO manifest_ref SELECT $1, made.digest, r.child, r.kind, r.media_type FROM made, manifest_ref r WHERE r.repository_id = $2 ORDER BY n`, []any{id, source}},
		{`INSERT INTO tag SELECT $1, printf('team%02d-%07d-main', n % $2 + 1, n), digest, $3 FROM made WHERE n % 1000 <> 999 ORDER BY n`, []any{id, lifecycleRules - 2, latest}},
		{`DROP TABLE made`, nil},
	} {
		if _, err := tx.ExecContext(ctx, step.text, step.args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// lifecycleRound uses the policy on each repository in each way.
func lifecycleRound(ctx context.Context, b *bench, m *measured) error {
	c := ecr.NewFromConfig(m.target.root)
	for _, size := range b.sizes() {
		for _, way := range []struct {
			what string
			use  func(ctx context.Context, c *ecr.Client, b *bench, t *target, repository string) (expired int, took time.Duration, err error)
		}{{"preview", preview}, {"forecast", forecast}, {"run", runPolicy}} {
			e := evaluation{What: way.what, Images: size, Resident: m.target.process.resident()}
			err := m.target.watch(&e.Peak, func() error {
				expired, took, err := way.use(ctx, c, b, m.target, aged(size))
				e.Expired, e.Seconds = expired, took.Seconds()
				return err
			})
			if err != nil {
				return fmt.Errorf("%s of %d: %w", way.what, size, err)
			}
			if e.Expired != size/1000 {
				return fmt.Errorf("%s of %d: %d images are expired, not %d", way.what, size, e.Expired, size/1000)
			}
			m.Evaluations = append(m.Evaluations, e)
		}
	}
	return nil
}

// preview is StartLifecyclePolicyPreview until its results are there.
func preview(ctx context.Context, c *ecr.Client, _ *bench, _ *target, repository string) (int, time.Duration, error) {
	start := time.Now()
	if _, err := c.StartLifecyclePolicyPreview(ctx, &ecr.StartLifecyclePolicyPreviewInput{RepositoryName: &repository, LifecyclePolicyText: aws.String(lifecyclePolicy())}); err != nil {
		return 0, 0, err
	}
	for {
		out, err := c.GetLifecyclePolicyPreview(ctx, &ecr.GetLifecyclePolicyPreviewInput{RepositoryName: &repository, MaxResults: aws.Int32(1)})
		if err != nil {
			return 0, 0, err
		}
		if out.Status != ecrtypes.LifecyclePolicyPreviewStatusInProgress {
			return int(aws.ToInt32(out.Summary.ExpiringImageTotalCount)), time.Since(start), nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return 0, 0, err
		}
	}
}

// forecast is `berth lifecycle preview`: every image with its reason.
func forecast(ctx context.Context, _ *ecr.Client, b *bench, t *target, repository string) (int, time.Duration, error) {
	file := filepath.Join(t.dir, "policy.json")
	if err := os.WriteFile(file, []byte(lifecyclePolicy()), 0o600); err != nil {
		return 0, 0, err
	}
	berth, err := filepath.Abs(b.berth)
	if err != nil {
		return 0, 0, err
	}
	cmd := exec.CommandContext(ctx, berth, "lifecycle", "preview", "--policy", file, "--endpoint", "http://"+t.addr, "--data", filepath.Join(t.dir, "data"), repository)
	cmd.Env = append(os.Environ(), "AWS_REGION="+region)
	var said bytes.Buffer
	cmd.Stderr = &said
	start := time.Now()
	out, err := cmd.Output()
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %s", err, said.Bytes())
	}
	return bytes.Count(out, []byte("expire  sha256:")), time.Since(start), nil
}

// runPolicy puts the policy, and is over when it has been carried out; the time that a new policy waits does not count.
func runPolicy(ctx context.Context, c *ecr.Client, _ *bench, _ *target, repository string) (int, time.Duration, error) {
	if _, err := c.PutLifecyclePolicy(ctx, &ecr.PutLifecyclePolicyInput{RepositoryName: &repository, LifecyclePolicyText: aws.String(lifecyclePolicy())}); err != nil {
		return 0, 0, err
	}
	for {
		out, err := c.GetLifecyclePolicy(ctx, &ecr.GetLifecyclePolicyInput{RepositoryName: &repository})
		if err != nil {
			return 0, 0, err
		}
		if began := aws.ToTime(out.LastEvaluatedAt); began.Year() > 1970 {
			took := time.Since(began)
			left, err := untagged(ctx, c, repository)
			return left, took, err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return 0, 0, err
		}
	}
}

// untagged answers how many images without a tag have gone: all of them went if none is left.
func untagged(ctx context.Context, c *ecr.Client, repository string) (gone int, err error) {
	out, err := c.ListImages(ctx, &ecr.ListImagesInput{RepositoryName: &repository, Filter: &ecrtypes.ListImagesFilter{TagStatus: ecrtypes.TagStatusUntagged}})
	if err != nil {
		return 0, err
	}
	if len(out.ImageIds) > 0 || out.NextToken != nil {
		return 0, fmt.Errorf("there are images left that should have expired")
	}
	var size int
	_, err = fmt.Sscanf(repository, aged(0)[:len(aged(0))-1]+"%d", &size)
	return size / 1000, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// linearFigure is how much longer an image takes in the largest repository than in the smallest, in the way in which it is the worst.
func linearFigure(m *measured) []float64 {
	worst := 0.0
	first := map[string]evaluation{}
	for _, e := range m.Evaluations {
		if _, known := first[e.What]; !known {
			first[e.What] = e
		}
		small := first[e.What]
		worst = max(worst, small.rate()/e.rate())
	}
	return []float64{worst}
}

// printEvaluations writes what the uses of the policy took.
func (m *measured) printEvaluations(w io.Writer) {
	for _, e := range m.Evaluations {
		fmt.Fprintf(w, "  %-13s %-8s of %8d images, %5d of which expire: %8.2f s, %9.0f images/s, %6.1f MB at most (%.1f before)\n",
			m.Target, e.What, e.Images, e.Expired, e.Seconds, e.rate(), e.Peak, e.Resident)
	}
}
