//! The section `[exporter]` of a settings file.

use std::path::PathBuf;
use std::time::Duration;

use vpoller_daemon::config::{ConfigError, Settings as File};
use vpoller_daemon::doors::DoorFiles;
use vpoller_daemon::listen::{Listen, ListenError};

use super::filter::Patterns;
use super::{
    Batches, CeilometerSettings, Filter, FilterError, MetricsPage, OwnSettings, PageChoice, Settings, VmwareParts,
    VmwareSettings, ZrocSettings, ZrocSource,
};

/// The section of the exporter.
const SECTION: &str = "exporter";

/// Where the exporter listens when nothing else is set: on this machine only.
const DEFAULT_LISTEN: &str = "127.0.0.1:9272";

/// What a file says about the exporter.
#[derive(Clone, Debug)]
pub struct FileSettings {
    /// What it shows.
    pub settings: Settings,
    /// Where it listens.
    pub listen: Listen,
    /// The database with the vSphere hosts, where the exporter has another one than the worker. A worker shows its own hosts.
    pub db: Option<PathBuf>,
    /// The files with certificates, passwords and tokens of its pages.
    pub doors: DoorFiles,
}

impl FileSettings {
    /// Reads the section where the file has it.
    ///
    /// # Errors
    /// As [`FileSettings::read`].
    pub fn find(file: &File) -> Result<Option<Self>, ConfigError> {
        let has_section = file.sections(SECTION).contains(&SECTION);
        has_section.then(|| Self::read(file)).transpose()
    }

    /// Reads the section; what is not in it is built in.
    ///
    /// # Errors
    /// When a value makes no sense.
    pub fn read(file: &File) -> Result<Self, ConfigError> {
        let listen = file.value(SECTION, "http", DEFAULT_LISTEN, |text| {
            text.parse().map_err(|error: ListenError| format!("is wrong: {error}"))
        })?;
        let db = file.text(SECTION, "db")?.map(PathBuf::from);
        let doors = DoorFiles::read(file, SECTION)?;
        let page = file.value(SECTION, "metrics", "auto", page)?;
        let usual = Batches::default();
        let batches = Batches {
            size: file.number(SECTION, "batch_size", usual.size, 1..=100_000)?,
            pause: file.duration(SECTION, "batch_delay", usual.pause, Duration::ZERO..=HOUR)?,
        };
        let settings =
            Settings { page, zroc: zroc(file)?, vmware: vmware(file)?, own: own(file)?, ceilometer: ceilometer(file)?, batches };
        Ok(Self { settings, listen, db, doors })
    }
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

fn page(text: &str) -> Result<PageChoice, String> {
    match text {
        "auto" => Ok(PageChoice::default()),
        "zroc" => Ok(PageChoice::Always(MetricsPage::Zroc)),
        "vmware" => Ok(PageChoice::Always(MetricsPage::Vmware)),
        "vsphere" => Ok(PageChoice::Always(MetricsPage::Own)),
        _ => Err("is none of auto, zroc, vmware and vsphere".to_owned()),
    }
}

fn zroc(file: &File) -> Result<Option<ZrocSettings>, ConfigError> {
    let wanted = file.boolean(SECTION, "zroc", true)?;
    let usual = ZrocSettings::default();
    let poll_interval = file.duration(SECTION, "poll_interval", usual.poll_interval, SECOND..=WEEK)?;
    let or_real_time = file.boolean(SECTION, "perf_fallback", true)?;
    let source = file.value(SECTION, "perf_interval_id", "average", |text| match text {
        "average" => Ok(ZrocSource::Average),
        "20" => Ok(ZrocSource::Newest),
        number => match number.parse() {
            Ok(interval) if interval > 20 => Ok(ZrocSource::RolledUp { interval, or_real_time }),
            _ => Err("is neither \"average\" nor 20 nor the seconds of an interval such as 300".to_owned()),
        },
    })?;
    let vcenter_label = file.boolean(SECTION, "zroc_vcenter_label", false)?;
    let inventory_ttl = file.duration(SECTION, "vm_inventory_ttl", usual.inventory_ttl, SECOND..=WEEK)?;
    Ok(wanted.then_some(ZrocSettings { poll_interval, source, vcenter_label, inventory_ttl }))
}

fn own(file: &File) -> Result<Option<OwnSettings>, ConfigError> {
    let wanted = file.boolean(SECTION, "vsphere", true)?;
    let usual = OwnSettings::default();
    let interval = file.duration(SECTION, "vsphere_interval", usual.interval, SECOND * 20..=HOUR)?;
    let inventory_ttl = file.duration(SECTION, "vm_inventory_ttl", usual.inventory_ttl, SECOND..=WEEK)?;
    let parts = file.value(SECTION, "vsphere_parts", "", OwnSettings::read_parts)?;
    let names = file.boolean(SECTION, "vsphere_names", false)?;
    let patterns =
        |key| file.value(SECTION, key, "", |text| text.parse::<Patterns>().map_err(|error: FilterError| error.to_string()));
    let filter = Filter { names: patterns("vsphere_machines")?, folders: patterns("vsphere_folders")? };
    Ok(wanted.then_some(OwnSettings { interval, inventory_ttl, parts, names, filter }))
}

fn vmware(file: &File) -> Result<Option<VmwareSettings>, ConfigError> {
    let wanted = file.boolean(SECTION, "vmware", false)?;
    let usual = VmwareSettings::default();
    let interval = file.duration(SECTION, "vmware_interval", usual.interval, Duration::from_secs(20)..=HOUR)?;
    let moid_label = file.boolean(SECTION, "vmware_moid", usual.moid_label)?;
    let collect = file.value(SECTION, "vmware_collect", "vms vmguests datastores hosts snapshots", parts)?;
    Ok(wanted.then_some(VmwareSettings { interval, moid_label, collect }))
}

fn parts(text: &str) -> Result<VmwareParts, String> {
    let mut parts = VmwareParts { vms: false, vmguests: false, datastores: false, hosts: false, snapshots: false };
    for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
        let part = match word {
            "vms" => &mut parts.vms,
            "vmguests" => &mut parts.vmguests,
            "datastores" => &mut parts.datastores,
            "hosts" => &mut parts.hosts,
            "snapshots" => &mut parts.snapshots,
            other => return Err(format!("{other:?} is none of vms, vmguests, datastores, hosts and snapshots")),
        };
        *part = true;
    }
    Ok(parts)
}

fn ceilometer(file: &File) -> Result<Option<CeilometerSettings>, ConfigError> {
    let wanted = file.boolean(SECTION, "ceilometer", false)?;
    let usual = CeilometerSettings::default();
    let interval = file.duration(SECTION, "ceilometer_interval", usual.interval, SECOND..=HOUR)?;
    // An empty text would be no label on Ceilometer's page, and shift the others.
    let word = |text: &str| if text.trim().is_empty() { Err("is empty".to_owned()) } else { Ok(text.trim().to_owned()) };
    let project = file.value(SECTION, "ceilometer_project", &usual.project, word)?;
    let user = file.value(SECTION, "ceilometer_user", &usual.user, word)?;
    let virtual_disks = file.boolean(SECTION, "ceilometer_virtual_disks", usual.virtual_disks)?;
    Ok(wanted.then_some(CeilometerSettings { interval, project, user, virtual_disks }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use vpoller_daemon::Program;

    fn read(text: &str) -> Result<FileSettings, String> {
        let file = File::parse(text, Path::new("/v.conf"), Program::Exporter).unwrap();
        FileSettings::read(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn an_empty_file_means_the_documented_defaults() {
        let FileSettings { settings, listen, doors, .. } = read("").unwrap();
        assert_eq!((listen.to_string().as_str(), doors), ("127.0.0.1:9272", DoorFiles::default()));
        assert_eq!(settings.zroc, Some(ZrocSettings::default()));
        assert_eq!((settings.page, settings.batches), (PageChoice::default(), Batches::default()));
        assert_eq!(settings.ceilometer, None);
        let ceilometer = read("[exporter]\nceilometer = yes\n").unwrap().settings.ceilometer;
        assert_eq!(ceilometer, Some(CeilometerSettings::default()));
    }

    #[test]
    fn values_are_kept_and_mistakes_have_their_place() {
        let text = "[exporter]\nhttp = :9272\nmetrics = zroc\nbatch_size = 50\nbatch_delay = 0.5\npoll_interval = 60\n\
            perf_interval_id = 300\nperf_fallback = no\nzroc_vcenter_label = yes\n";
        let settings = read(text).unwrap().settings;
        assert_eq!(settings.page, PageChoice::Always(MetricsPage::Zroc));
        assert_eq!(settings.batches, Batches { size: 50, pause: Duration::from_millis(500) });
        let zroc = settings.zroc.unwrap();
        assert_eq!(zroc.source, ZrocSource::RolledUp { interval: 300, or_real_time: false });
        assert!(zroc.vcenter_label && zroc.poll_interval == Duration::from_secs(60));
        let text = "[exporter]\nceilometer = yes\nceilometer_interval = 300\nceilometer_project = p\nceilometer_user = u\n\
            ceilometer_virtual_disks = yes\n";
        let interval = Duration::from_secs(300);
        let expected = CeilometerSettings { interval, project: "p".to_owned(), user: "u".to_owned(), virtual_disks: true };
        assert_eq!(read(text).unwrap().settings.ceilometer, Some(expected));
        assert_eq!(read("[exporter]\nzroc = no\n").unwrap().settings.zroc, None);
        let text = "[exporter]\nvmware = yes\nvmware_moid = yes\nvmware_collect = hosts, datastores\nvmware_interval = 30\n";
        let vmware = read(text).unwrap().settings.vmware.unwrap();
        assert!(vmware.moid_label && vmware.interval == Duration::from_secs(30));
        let collect = VmwareParts { vms: false, vmguests: false, datastores: true, hosts: true, snapshots: false };
        assert_eq!((vmware.collect, read("").unwrap().settings.vmware), (collect, None));
        assert!(read("[exporter]\nvmware_collect = vms guests\n").unwrap_err().contains("\"guests\" is none of"));
        for wrong in
            ["http = x", "metrics = all", "batch_size = 0", "batch_delay = -1", "poll_interval = 0", "perf_interval_id = 5"]
        {
            let error = read(&format!("[exporter]\n{wrong}\n")).unwrap_err();
            assert!(error.contains("/v.conf: line 2: [exporter]"), "{error}");
        }
    }
}
