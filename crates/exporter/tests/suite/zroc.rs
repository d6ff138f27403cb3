//! The page of the zROC Planner collector.

use vpoller_exporter::{MetricsPage, PageChoice, Settings, ZrocSettings};
use vpoller_testkit::wait::{SOON, wait_until};
use vpoller_testkit::{SimOptions, Simulator};

use super::bed::ExporterBed;

fn settings() -> Settings {
    let page = PageChoice::Auto { fallback: MetricsPage::Zroc };
    Settings { page, zroc: Some(ZrocSettings::default()), ..Settings::default() }
}

#[test]
fn machines_are_shown_after_the_first_cycle() {
    let simulator = Simulator::start(&SimOptions { vms: 10, ..SimOptions::default() });
    let bed = ExporterBed::start(&[("vc01.example.org", &simulator)], settings());
    assert_eq!(bed.get("/-/healthy"), (200, "healthy\n".to_owned()));
    wait_until(SOON, "the first cycle", || bed.get("/-/ready").0 == 200);
    let (status, page) = bed.get("/metrics");
    println!("{page}");
    println!("{}", bed.get("/health").1);
    println!("{}", bed.get("/metrics/vsphere").1);
    println!("{:?}", simulator.calls());
    assert_eq!(status, 200);
}
