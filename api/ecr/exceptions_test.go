package ecr_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	door "github.com/berth-registry/berth/api/ecr"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// exceptionsOf are the exceptions that the service model lists for each operation, and whether its input has a member that must be given or is bounded.
func exceptionsOf(t *testing.T) (exceptions map[string][]string, invalid map[string]string) {
	t.Helper()
	text, err := os.ReadFile("../../lang/awswire/models/ecr.json")
	if err != nil {
		t.Fatal(err)
	}
	var model struct {
		Operations map[string]struct {
			Input  struct{ Shape string }
			Errors []struct{ Shape string }
		}
		Shapes map[string]struct {
			Required []string
			Members  map[string]any
		}
	}
	if err := json.Unmarshal(text, &model); err != nil {
		t.Fatal(err)
	}
	service, err := door.Service(&door.API{})
	if err != nil {
		t.Fatal(err)
	}
	exceptions, invalid = map[string][]string{}, map[string]string{}
	for _, operation := range service.Operations() {
		if !operation.Served {
			continue
		}
		o := model.Operations[operation.Name]
		for _, e := range o.Errors {
			exceptions[operation.Name] = append(exceptions[operation.Name], e.Shape)
		}
		in := model.Shapes[o.Input.Shape]
		switch {
		case len(in.Required) > 0:
			invalid[operation.Name] = `{}`
		case in.Members["maxResults"] != nil:
			invalid[operation.Name] = `{"maxResults":0}`
		case in.Members["registryIds"] != nil:
			invalid[operation.Name] = `{"registryIds":["1"]}`
		case len(in.Members) > 0:
			invalid[operation.Name] = `{"unknown":1}` // not known to be refused: the test fails, and a case belongs here
		}
	}
	return exceptions, invalid
}

// Whatever an operation is given that cannot be is refused by the name that its model has for it (API-8, API-9).
func TestInvalidParameterOfEveryOperation_API8_API9(t *testing.T) {
	b := start(t)
	_, invalid := exceptionsOf(t)
	for operation, body := range invalid {
		status, header, text := b.post(t, vendor, prefix+operation, body)
		if status != 400 || header.Get("X-Amzn-Errortype") != "InvalidParameterException" || !strings.Contains(text, "Invalid parameter at '") {
			t.Errorf("%s %s: %d %s %s", operation, body, status, header.Get("X-Amzn-Errortype"), text)
		}
	}
}

// When the database fails, every operation says so as something to try again, and nothing of what it was, whether that shows when it looks for the repository or, before,
// for who asks (API-4, H54).
func TestServerExceptionOfEveryOperation_API4_H54(t *testing.T) {
	b := start(t)
	root := b.root(t, vendor, region).once()
	root.repository(t, "app")
	b.rootKey(t, customer) // who has not asked for anything yet, so that nobody remembers them
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.Config.Data, "berth.db")+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	drop := func(where string) {
		t.Helper()
		rows, err := db.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND ` + where)
		if err != nil {
			t.Fatal(err)
		}
		var tables []string
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				t.Fatal(err)
			}
			tables = append(tables, name)
		}
		if err := rows.Err(); err != nil || len(tables) == 0 {
			t.Fatal(tables, err)
		}
		for _, name := range tables {
			if _, err := db.Exec(`DROP TABLE "` + name + `"`); err != nil {
				t.Fatal(err)
			}
		}
	}
	drop(`name IN ('repository', 'registry_policy', 'account_setting', 'creation_template', 'pull_exclusion', 'signing_configuration')`)
	calls := operations(root, vendor)
	maps.Copy(calls, settings(root))
	for _, operation := range []string{ // about no registry; or about its rules, which a server may remember
		"GetAuthorizationToken", "DescribeRegistry", "DescribeRepositoryCreationTemplates", "GetAccountSetting", "GetRegistryPolicy", "ListPullTimeUpdateExclusions",
		"PutSigningConfiguration", "UpdateRepositoryCreationTemplate",
	} {
		delete(calls, operation)
	}
	for operation, call := range calls {
		if err := call(); err == nil || !strings.Contains(err.Error(), "ServerException") || strings.Contains(err.Error(), "table") {
			t.Errorf("%s: %v", operation, err)
		}
	}

	drop(`TRUE`)
	exceptions, _ := exceptionsOf(t)
	for operation, list := range exceptions {
		status, header, text := b.post(t, customer, prefix+operation, `{}`)
		if !slices.Contains(list, "ServerException") || status != 500 || header.Get("X-Amzn-Errortype") != "ServerException" || strings.Contains(text, "table") {
			t.Errorf("%s: %d %s %s", operation, status, header.Get("X-Amzn-Errortype"), text)
		}
	}
}

// never begins the reason why an operation of berth does not raise an exception that its model lists.
const never = "never: "

// raised says which test raises an exception at an operation, or why none can; "*" is every other operation.
var raised = map[string]map[string]string{
	"ServerException":           {"*": "TestServerExceptionOfEveryOperation_API4_H54"},
	"InvalidParameterException": {"*": "TestInvalidParameterOfEveryOperation_API8_API9"},
	"RepositoryNotFoundException": {
		"*": "TestOperationsOnRepositoriesThatAreNotThere_API28_API39_API76",
	},
	"ValidationException": {
		"PutSigningConfiguration":          "TestSigningConfiguration_API78_API27",
		"CreateRepositoryCreationTemplate": "registry.TestTemplateIsChecked",
		"UpdateRepositoryCreationTemplate": "registry.TestTemplateIsChecked",
		"*":                                never + "what is wrong with an input is an InvalidParameterException (API-9); there is no rule between inputs of this operation and what is stored that has no exception of its own",
	},
	"LimitExceededException": {
		"BatchGetImage":                     "TestAnswersOfManyLargeManifestsAreBounded_H41",
		"CreateRepository":                  "server.TestQuotaOfRepositories",
		"CreateRepositoryCreationTemplate":  "server.TestQuotas",
		"PutImage":                          "TestTagsOfOneImageAreLimited_API70",
		"RegisterPullTimeUpdateExclusion":   "server.TestQuotas",
		"UploadLayerPart":                   "server.TestQuotasOfLayers",
		"DeregisterPullTimeUpdateExclusion": never + "it makes less",
		"ListPullTimeUpdateExclusions":      never + "it makes nothing",
		"PutAccountSetting":                 never + "there are three settings",
	},
	"KmsException": {
		"CreateRepository": "TestEncryption_API36",
		"*":                never + "a repository cannot be made with a key (docs/decisions/kms-refused.md), so that no operation on one needs any",
	},

	"EmptyUploadException":                         {"*": "TestCompleteRefuses_API61_API62_H28"},
	"ExclusionAlreadyExistsException":              {"*": "TestPullTimeUpdateExclusions"},
	"ExclusionNotFoundException":                   {"*": "TestPullTimeUpdateExclusions"},
	"ImageAlreadyExistsException":                  {"*": "TestPutImage_API64_API67_API70"},
	"ImageDigestDoesNotMatchException":             {"*": "TestPutImageRefuses_API64_API65_API66"},
	"ImageStorageClassUpdateNotSupportedException": {"*": "TestUpdateImageStorageClass_API75_LC35"},
	"ImageTagAlreadyExistsException":               {"*": "TestTagsMove_API68_API41_API69_H45"},
	"InvalidLayerException":                        {"*": "TestCompleteRefuses_API61_API62_H28"},
	"InvalidLayerPartException":                    {"*": "TestPartsOutOfOrder_API60_H20_H27"},
	"LayerAlreadyExistsException":                  {"*": "TestCompleteRefuses_API61_API62_H28"},
	"LayerInaccessibleException":                   {"*": "TestGetDownloadUrlForLayer_API58"},
	"LayerPartTooSmallException":                   {"*": "TestCompleteRefuses_API61_API62_H28"},
	"LifecyclePolicyPreviewInProgressException":    {"*": "TestPreviewIsWaitedFor_API81_LC25"},
	"LifecyclePolicyPreviewNotFoundException":      {"*": "TestLifecyclePolicyOfGuides_LC25_LC26_LC32"},
	"ReferencedImagesNotFoundException":            {"*": "TestPutImageRefuses_API64_API65_API66"},
	"RepositoryAlreadyExistsException":             {"*": "TestCreateRepositoryTwice_API35"},
	"RepositoryNotEmptyException":                  {"*": "TestDeleteRepository_API40"},
	"ImageNotFoundException": {
		"DescribeImages":             "TestDescribeImagesByID_API51_API10",
		"DescribeImageSigningStatus": "TestDescribeImageSigningStatus_API78",
		"UpdateImageStorageClass":    "TestUpdateImageStorageClass_API75_LC35",
	},
	"InvalidTagParameterException": {
		"CreateRepository": "TestResourceTags_API42_API37_H58",
		"TagResource":      "TestResourceTags_API42_API37_H58",
		"UntagResource":    never + "it takes away keys, and one that cannot be is not there",
	},
	"TooManyTagsException": {
		"CreateRepository": "TestResourceTags_API42_API37_H58",
		"TagResource":      "TestResourceTags_API42_API37_H58",
		"UntagResource":    never + "it makes less",
	},
	"LayersNotFoundException": {
		"GetDownloadUrlForLayer": "TestGetDownloadUrlForLayer_API58",
		"PutImage":               "TestPutImageRefuses_API64_API65_API66",
	},
	"LifecyclePolicyNotFoundException": {
		"DeleteLifecyclePolicy":       "TestLifecyclePolicyOfGuides_LC25_LC26_LC32",
		"GetLifecyclePolicy":          "TestInvalidLifecyclePolicies_LC1_LC10",
		"StartLifecyclePolicyPreview": "TestLifecyclePolicyOfGuides_LC25_LC26_LC32",
	},
	"RegistryPolicyNotFoundException":             {"*": "TestRegistryPolicy"},
	"RepositoryPolicyNotFoundException":           {"*": "TestRepositoryPolicy_API43_API44_API46_API47"},
	"SigningConfigurationNotFoundException":       {"*": "TestSigningConfiguration_API78_API27"},
	"TemplateAlreadyExistsException":              {"*": "TestCreationTemplates"},
	"TemplateNotFoundException":                   {"*": "TestCreationTemplates"},
	"UploadNotFoundException":                     {"*": "TestCompleteRefuses_API61_API62_H28"},
	"UnableToGetUpstreamImageException":           {"*": never + "there are no rules of a pull-through cache, and so no upstream"},
	"UnableToGetUpstreamLayerException":           {"*": never + "there are no rules of a pull-through cache, and so no upstream"},
	"UnableToListUpstreamImageReferrersException": {"*": never + "there are no rules of a pull-through cache, and so no upstream"},
}

// Each exception that the model lists for an operation is raised by a test, which names the exception in a file that calls the operation, or there is a reason why it cannot be
// raised. Whoever serves another operation, or takes a newer model, says it of what that brings.
func TestEveryExceptionOfEveryOperation(t *testing.T) {
	tests, files := testsIn(t, "", ".")
	for _, beside := range []string{"registry", "server"} {
		others, theirs := testsIn(t, beside+".", "../../"+beside)
		maps.Copy(tests, others)
		maps.Copy(files, theirs)
	}
	exceptions, _ := exceptionsOf(t)
	used := map[string]bool{}
	pairs := 0
	for operation, list := range exceptions {
		for _, exception := range list {
			pairs++
			key := operation
			if raised[exception][key] == "" {
				key = "*"
			}
			evidence := raised[exception][key]
			used[exception+" "+key] = true
			if strings.HasPrefix(evidence, never) {
				continue
			}
			body, known := tests[evidence]
			sweep := strings.Contains(evidence, "OfEveryOperation") // over all operations of the model
			code := strings.TrimSuffix(exception, "Exception")
			switch {
			case evidence == "":
				t.Errorf("nothing says which test raises %s at %s, or why none can", exception, operation)
			case !known:
				t.Errorf("%s at %s: there is no test %s", exception, operation, evidence)
			case !sweep && !strings.Contains(body, code):
				t.Errorf("%s at %s: %s says nothing of it", exception, operation, evidence)
			case !sweep && !strings.HasPrefix(evidence, "registry.") && !strings.Contains(files[evidence], operation):
				t.Errorf("%s at %s: %s does not call it", exception, operation, evidence)
			}
		}
	}
	for exception, of := range raised {
		for operation := range of {
			if !used[exception+" "+operation] {
				t.Errorf("no model lists %s for %s", exception, operation)
			}
		}
	}
	if pairs < 200 {
		t.Errorf("only %d pairs", pairs)
	}
}

// testsIn are the texts of the tests in a folder, with what follows them up to the next test, and of the files in which they are, by their names behind the prefix.
func testsIn(t *testing.T, name, dir string) (tests, of map[string]string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests, of = map[string]string{}, map[string]string{}
	for _, file := range list {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		begins := beginOfTest.FindAllSubmatchIndex(text, -1)
		for i, at := range begins {
			end := len(text)
			if i+1 < len(begins) {
				end = begins[i+1][0]
			}
			test := name + string(text[at[2]:at[3]])
			tests[test], of[test] = string(text[at[0]:end]), string(text)
		}
	}
	if len(tests) == 0 {
		t.Fatal(fmt.Errorf("no tests in %s", dir))
	}
	return tests, of
}

var beginOfTest = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
