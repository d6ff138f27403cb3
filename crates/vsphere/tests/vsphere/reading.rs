//! Reading inventory, properties, counters and guests of the simulated servers.

use serde_json::json;
use vpoller_testkit::simulator::{Bed, PASSWORD, SimOptions, Simulator, USER};
use vpoller_vsphere::{Arg, Class, Client, FilterSpec, MoRef, SecretString, Value};

use crate::{client, config, named, vm};

#[tokio::test]
async fn a_vcenter_says_what_it_is() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let session = client.session().await.unwrap();
    let content = &session.content;
    assert_eq!(content.about.get("apiType"), Some(&Value::string("VirtualCenter")));
    assert!(content.about.declares("patchLevel") && !content.about.declares("nonsense"));
    assert_eq!(content.root_folder, MoRef::new("Folder", "group-d1"));
    assert!(content.perf_manager.is_some() && content.event_manager.is_some());
    assert_eq!(session.api_version, "6.5");
    assert_eq!(session.user_session().get("userName"), Some(&Value::string(USER)));
    assert_eq!(session.user_session().get("key"), None);
    client.logout().await;
}

#[tokio::test]
async fn values_of_virtual_machines_have_their_types() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let paths = [
        "name",
        "runtime.bootTime",
        "runtime.host",
        "guest.net",
        "guest.disk",
        "summary.quickStats.overallCpuUsage",
        "config.hardware.numCPU",
        "config.template",
        "runtime.powerState",
    ];
    let vms = client.retrieve_all("VirtualMachine", &paths).await.unwrap();
    let vm01 = named(&vms, "vm01.example.org");
    assert_eq!(vm01.get("runtime.bootTime").unwrap().to_json(), json!("2015-02-10 15:48:40+00:00"));
    assert_eq!(vm01.get("summary.quickStats.overallCpuUsage"), Some(&Value::Int(230)));
    assert_eq!(vm01.get("config.hardware.numCPU"), Some(&Value::Int(4)));
    assert_eq!(vm01.get("config.template"), Some(&Value::Bool(false)));
    assert_eq!(vm01.get("runtime.powerState"), Some(&Value::string("poweredOn")));
    assert_eq!(&*vm01.get("runtime.host").and_then(Value::as_moref).unwrap().kind, "HostSystem");
    let nics = vm01.get("guest.net").and_then(Value::as_list).unwrap();
    let nic = nics[0].as_struct().unwrap();
    assert_eq!((nics.len(), nic.get("network")), (1, Some(&Value::string("VM Network"))));
    assert_eq!(nic.get("ipAddress").unwrap().to_json(), json!(["10.0.0.5"]), "a list of one stays a list");
    assert_eq!((nic.get("connected"), nic.get("deviceConfigId")), (Some(&Value::Bool(true)), Some(&Value::Int(4000))));
    let disks = vm01.get("guest.disk").and_then(Value::as_list).unwrap();
    let var = disks.iter().filter_map(Value::as_struct).find(|disk| disk.get("diskPath") == Some(&Value::string("/var")));
    assert_eq!(var.unwrap().get("freeSpace"), Some(&Value::Int(5_368_709_120)));
    let orphan = named(&vms, "vm-orphan.example.org");
    assert_eq!(orphan.get("runtime.host"), None, "an unset property is absent");
    for name in ["vm-unicode-Größe-日本-мир", "vm with \"quotes\" and 'apostrophe'", "vm%2fslash", "vm%5cbackslash", "vm-🚀"]
    {
        named(&vms, name);
    }
}

#[tokio::test]
async fn whole_objects_are_read_too() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let vm01 = vm(&client, "vm01.example.org").await;
    let paths = ["summary", "runtime", "config.hardware.device", "guest"];
    let read = client.retrieve_objects(std::slice::from_ref(&vm01), &paths).await.unwrap();
    let summary = read[0].get("summary").unwrap().to_json();
    assert_eq!(summary["config"]["name"], "vm01.example.org");
    assert!(summary["config"]["memorySizeMB"].is_i64() && summary["quickStats"]["overallCpuUsage"] == 230, "{summary}");
    assert_eq!(summary["vm"], vm01.to_string());
    let devices = read[0].get("config.hardware.device").and_then(Value::as_list).unwrap();
    let kinds: Vec<_> = devices.iter().filter_map(Value::as_struct).map(|device| &*device.kind).collect();
    assert!(kinds.contains(&"VirtualDisk"), "{kinds:?}");
    assert!(devices.iter().all(|device| device.as_struct().unwrap().get("key").unwrap().as_i64().is_some()));
}

#[tokio::test]
async fn every_type_of_the_view_is_found() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    for (kind, name) in [
        ("HostSystem", "esxi01.example.org"),
        ("ClusterComputeResource", "cluster01"),
        ("ComputeResource", "cluster01"),
        ("Datacenter", "datacenter01"),
        ("Datastore", "datastore1"),
        ("Network", "VM Network"),
        ("Network", "dvpg01"),
        ("ResourcePool", "pool01"),
    ] {
        named(&client.retrieve_all(kind, &["name"]).await.unwrap(), name);
    }
    assert_eq!(simulator.calls_of("CreateContainerView"), 1, "one view serves them all");
    client.logout().await;
    assert_eq!(simulator.calls_of("DestroyView"), 1);
    assert_eq!(simulator.sessions().len(), 0);
}

#[tokio::test]
async fn a_path_that_does_not_exist_is_named() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let error = client.retrieve_all("VirtualMachine", &["name", "no.such.path"]).await.unwrap_err();
    assert_eq!((error.class(), error.fault().unwrap().property()), (Class::Argument, Some("no.such.path")), "{error}");
    assert!(error.to_string().contains("InvalidProperty (property no.such.path)"), "{error}");
}

#[tokio::test]
async fn an_object_that_does_not_exist_is_named_or_left_out() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let gone = MoRef::new("VirtualMachine", "vm-4711");
    let objects = [gone.clone(), MoRef::new("VirtualMachine", "vm-101")];
    let spec = FilterSpec::objects(&objects, &["name"]);
    let error = client.retrieve(std::slice::from_ref(&spec)).await.unwrap_err();
    assert_eq!((error.class(), error.fault().unwrap().object()), (Class::Object, Some(&gone)), "{error}");
    let found = client.retrieve_objects(&objects, &["name"]).await.unwrap();
    assert_eq!(found.iter().map(|content| &content.obj).collect::<Vec<_>>(), [&objects[1]]);
}

#[tokio::test]
async fn pages_are_put_together() {
    for bed in Bed::ALL {
        if bed.program().is_none() {
            eprintln!("skipped: the simulator {bed:?} is not built");
            continue;
        }
        let simulator = Simulator::start(&SimOptions { bed, vms: 20, ..SimOptions::default() });
        let mut config = config(simulator.address());
        config.limits.page_size = Some(7);
        let client = Client::new(config).unwrap();
        let mut names: Vec<_> = client.retrieve_all("VirtualMachine", &["name"]).await.unwrap();
        assert!(simulator.calls_of("ContinueRetrievePropertiesEx") >= 3, "{bed:?}: {:?}", simulator.calls());
        names.sort_by(|one, other| one.obj.cmp(&other.obj));
        names.dedup_by(|one, other| one.obj == other.obj);
        let whole = crate::client(simulator.address()).retrieve_all("VirtualMachine", &["name"]).await.unwrap();
        assert_eq!(names.len(), whole.len(), "{bed:?}");
    }
}

#[tokio::test]
async fn long_lists_of_objects_are_split() {
    let simulator = Simulator::start(&SimOptions::default());
    let mut config = config(simulator.address());
    config.limits.objects_per_call = 4;
    let client = Client::new(config).unwrap();
    let vms: Vec<MoRef> = client.retrieve_all("VirtualMachine", &[]).await.unwrap().into_iter().map(|vm| vm.obj).collect();
    simulator.reset_calls();
    let read = client.retrieve_objects(&vms, &["name"]).await.unwrap();
    assert_eq!(read.len(), vms.len());
    assert_eq!(simulator.calls_of("RetrievePropertiesEx"), vms.len().div_ceil(4) as u64);
    assert!(client.retrieve_objects(&[], &["name"]).await.unwrap().is_empty());
}

#[tokio::test]
async fn objects_of_several_types_are_read_in_one_call() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let session = client.session().await.unwrap();
    let host = named(&client.retrieve_all("HostSystem", &["name"]).await.unwrap(), "esxi01.example.org").obj.clone();
    let cluster = named(&client.retrieve_all("ComputeResource", &["name"]).await.unwrap(), "cluster01").obj.clone();
    simulator.reset_calls();
    let objs = [session.content.root_folder.clone(), host, cluster];
    assert_eq!(client.retrieve_objects(&objs, &["name"]).await.unwrap().len(), 3);
    let specs = [FilterSpec::objects(&objs[..1], &["name"]), FilterSpec::objects(&objs[1..2], &["name", "vm"])];
    assert_eq!(client.retrieve(&specs).await.unwrap().len(), 2);
    assert_eq!(simulator.calls().total, 2);
}

#[tokio::test]
async fn processes_in_a_guest_are_listed() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let vm01 = vm(&client, "vm01.example.org").await;
    let processes = client.list_processes(&vm01, "root", &SecretString::from(PASSWORD)).await.unwrap();
    assert_eq!(processes.len(), 87);
    let command = |process: &Value| process.as_struct().unwrap().get("cmdLine").unwrap().as_str().unwrap().to_owned();
    assert_eq!(processes.iter().filter(|process| command(process).contains("/usr/sbin/apache2")).count(), 6);
    let init = processes.iter().find(|process| command(process).contains("/sbin/init")).unwrap().as_struct().unwrap();
    assert_eq!((init.get("pid"), init.get("owner")), (Some(&Value::Int(1)), Some(&Value::string("root"))));
    assert!(init.get("startTime").unwrap().as_datetime().is_some());
}

#[tokio::test]
async fn a_wrong_guest_password_is_tried_once() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let vm01 = vm(&client, "vm01.example.org").await;
    let error = client.list_processes(&vm01, "root", &SecretString::from("wr0ng-w0rd")).await.unwrap_err();
    assert_eq!((error.class(), error.fault().unwrap().kind.as_str()), (Class::Permission, "InvalidGuestLogin"));
    assert!(!error.to_string().contains("wr0ng") && !format!("{error:?}").contains("wr0ng"));
    assert_eq!(simulator.calls_of("ListProcessesInGuest"), 1);
    assert_eq!(simulator.calls_of("Login"), 1, "our own session is not to blame");
    client.retrieve_all("VirtualMachine", &["name"]).await.unwrap();
}

#[tokio::test]
async fn any_method_can_be_called() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    let session = client.session().await.unwrap();
    let instance = MoRef::new("ServiceInstance", "ServiceInstance");
    let now = client.call(&instance, "CurrentTime", &[]).await.unwrap();
    assert!(now[0].as_datetime().unwrap().unix_micros() > 1_700_000_000_000_000);
    let perf = session.content.perf_manager.clone().unwrap();
    let args = [Arg::new("entity", vm(&client, "vm01.example.org").await)];
    let summary = client.call(&perf, "QueryPerfProviderSummary", &args).await.unwrap();
    assert_eq!(summary[0].as_struct().unwrap().get("refreshRate"), Some(&Value::Int(20)));
    let metrics = client.call(&perf, "QueryAvailablePerfMetric", &args).await.unwrap();
    assert!(metrics.iter().all(|metric| metric.as_struct().unwrap().get("counterId").unwrap().as_i64().is_some()));
    let error = client.call(&perf, "NoSuchMethod", &[]).await.unwrap_err();
    assert_eq!(error.class(), Class::Argument, "{error}");
}

#[tokio::test]
async fn waiting_for_updates_takes_no_room_from_other_calls() {
    let simulator = Simulator::start(&SimOptions::default());
    let mut config = config(simulator.address());
    config.max_concurrency = 1;
    let limit = config.request_timeout * 2;
    let client = Client::new(config).unwrap();
    let session = client.session().await.unwrap();
    let own = &session.content.property_collector;
    let collector = client.call_in(&session, own, "CreatePropertyCollector", &[], limit).await.unwrap();
    let collector = collector[0].as_moref().unwrap().clone();
    let view = client.view(&session).await.unwrap();
    let filter = FilterSpec::view(&view, "VirtualMachine", &["name", "runtime.powerState"]).to_arg("spec");
    let args = [filter, Arg::new("partialUpdates", false)];
    client.call_in(&session, &collector, "CreateFilter", &args, limit).await.unwrap();
    let first = client.call_in(&session, &collector, "WaitForUpdatesEx", &[Arg::new("version", "")], limit).await.unwrap();
    let update = first[0].as_struct().unwrap();
    assert_eq!(&*update.kind, "UpdateSet");
    let filters = update.get("filterSet").and_then(Value::as_list).unwrap();
    let objects = filters[0].as_struct().unwrap().get("objectSet").and_then(Value::as_list).unwrap();
    assert!(objects.len() > 10 && objects[0].as_struct().unwrap().get("kind") == Some(&Value::string("enter")));
    let args = [Arg::new("version", update.get("version").and_then(Value::as_str).unwrap())];
    let waiting = client.call_in(&session, &collector, "WaitForUpdatesEx", &args, limit);
    let meanwhile = async {
        // With room for one call only, these would hang behind the poll if it took that room.
        for _ in 0..3 {
            client.retrieve_all("HostSystem", &["name"]).await.unwrap();
        }
        simulator.set("VirtualMachine", "vm01.example.org", "runtime.powerState", &json!("poweredOff"));
    };
    let (update, ()) = tokio::join!(waiting, meanwhile);
    assert!(format!("{:?}", update.unwrap()).contains("poweredOff"));
}

#[tokio::test]
async fn a_standalone_host_is_read_alike() {
    let simulator = Simulator::start(&SimOptions { esx: true, ..SimOptions::default() });
    let client = client(simulator.address());
    let session = client.session().await.unwrap();
    assert_eq!(session.content.about.get("apiType"), Some(&Value::string("HostAgent")));
    assert_eq!(session.content.root_folder, MoRef::new("Folder", "ha-folder-root"));
    assert!(session.content.alarm_manager.is_none());
    let vms = client.retrieve_all("VirtualMachine", &["name", "runtime.powerState"]).await.unwrap();
    named(&vms, "esxi-vm01");
    named(&client.retrieve_all("Datastore", &["name"]).await.unwrap(), "esxi-datastore1");
}

#[tokio::test]
async fn counters_agree_with_the_server() {
    let simulator = Simulator::start(&SimOptions::default());
    let client = client(simulator.address());
    client.retrieve_all("VirtualMachine", &["name"]).await.unwrap();
    client.retrieve_all("VirtualMachine", &["nope"]).await.unwrap_err();
    let ours = client.stats();
    let theirs = simulator.calls();
    for (method, count) in &theirs.methods {
        assert_eq!(ours.methods[method].calls, *count, "{method}");
    }
    assert_eq!((ours.logins, ours.errors(Class::Argument)), (1, 1));
    assert_eq!(ours.bytes_out(), theirs.bytes_in);
    assert!(ours.bytes_in() >= theirs.bytes_out, "{ours:?} {theirs:?}");
}
