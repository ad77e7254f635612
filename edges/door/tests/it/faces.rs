//! A face terminal behind its door: led on, cut off, restarted.

use std::sync::{Arc, Mutex};

use tongtu_door::{FaceDoor, GalleryKeeper, GalleryKeys};
use tongtu_fare::FareBook;
use tongtu_services::faces::{ConsentChannel, FaceCapture, FaceConsent, FaceDigits, FaceEnrolment};
use tongtu_terminal::OpenEntries;
use tongtu_terminal::face::{
    Capture, Cosine, Engine as _, FacePolicy, FaceRefusal, FaceScope, FaceSetup, GALLERY_AGE_MAX_S,
    Liveness, Look, Probe, SealKey, Sight,
};
use tongtu_world::faces::{face_keys, face_terms};
use zeroize::Zeroizing;

use super::*;

const OPERATOR: u16 = 7;
const FACE: [u8; 8] = [100, 20, 0, 0, 0, 0, 0, 0];

/// A gallery at rest that survives the door.
#[derive(Clone, Default)]
struct SimGallery(Arc<Mutex<Option<Vec<u8>>>>);

impl GalleryKeeper for SimGallery {
    fn load(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().clone())
    }

    fn keep(&mut self, gallery: &[u8]) -> std::io::Result<()> {
        *self.0.lock().unwrap() = Some(gallery.to_vec());
        Ok(())
    }
}

impl Bench {
    fn face_door(&self, medium: &SimMedium, gallery: &SimGallery, acquirer: Client) -> FaceDoor {
        let post = &self.country.posts[POST];
        let setup = FaceSetup {
            profile: Profile {
                acquirer: NODES[post.city].institution().as_acquirer(),
                terminal: post.number,
                model: MODEL,
                terminal_id: terminal_id(post.number),
                software: SOFTWARE,
                serial: post.serial,
                post: terminal_post(&post.place),
            },
            policy: FacePolicy::plain(self.now.plus_s(-1)),
            engine: Box::new(Cosine),
            sam: Box::new(self.country.terminal_key(post.number)),
        };
        let keys = face_keys(&self.country, post.city);
        let keys = GalleryKeys {
            list_key: self.country.list_key(post.city).clone(),
            transport: SealKey::new(&keys.terminal_key(post.number)),
            own: SealKey::new(&[9; 16]),
        };
        let journal = Journal::recover(medium.clone(), Limits::default()).unwrap();
        let mut counter = 0_u8;
        let entropy = move |out: &mut [u8]| {
            counter = counter.wrapping_add(1);
            out.fill(counter);
        };
        let acquirer = self.as_terminal(&acquirer);
        FaceDoor::open(
            setup,
            keys,
            Box::new(journal),
            Box::new(gallery.clone()),
            Box::new(entropy),
            acquirer,
        )
        .unwrap()
    }

    async fn enrol(&self) {
        let post = &self.country.posts[POST];
        let acquirer = self.acquirer().at(self.now);
        let line = terminal_post(&post.place).line();
        acquirer
            .face_terminal_put(post.number, OPERATOR, line, Cosine.id())
            .await
            .unwrap();
        let scope = FaceScope {
            acquirer: NODES[post.city].institution().as_acquirer(),
            operator: OPERATOR,
            line: None,
        };
        let enrolment = FaceEnrolment {
            request: "e1".into(),
            consent: FaceConsent {
                terms: face_terms().version,
                at: self.now,
                until: self.now.plus_s(300 * 86_400),
                scopes: [scope].into(),
                channel: ConsentChannel::Recorded("desk/1".into()),
            },
            digits: FaceDigits(Zeroizing::new(b"0001".to_vec())),
            captures: vec![FaceCapture {
                engine: Cosine.id(),
                template: Zeroizing::new(FACE.to_vec()),
                liveness: Liveness::Live,
                quality: 90,
            }],
        };
        let account = self.country.riders[0].account;
        acquirer.face_enrol(account, &enrolment).await.unwrap();
    }
}

fn look(door: &FaceDoor, bench: &Bench, now: Timestamp) -> Look {
    let city = bench.country.posts[POST].city;
    let fares = FareBook::parse(bench.country.city(city).book_text.as_bytes()).unwrap();
    let sight = Sight {
        now: Some(now),
        fares: Some(&fares),
        inside: &OpenEntries::default(),
    };
    let probe = Probe {
        template: &FACE,
        liveness: Liveness::Live,
        quality: 90,
    };
    door.look(Capture::One(probe), &sight)
}

fn refusal(look: Look) -> FaceRefusal {
    match look {
        Look::Refused(refusal, _) => refusal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_face_is_known_over_a_restart_without_network_and_no_longer_than_the_gallery_lasts() {
    let bench = Bench::new("faces").await;
    bench.enrol().await;
    let (medium, gallery) = (SimMedium::new(), SimGallery::default());
    let door = bench.face_door(&medium, &gallery, bench.acquirer().clone());
    assert_eq!(
        refusal(look(&door, &bench, bench.now)),
        FaceRefusal::NoGallery
    );
    assert_eq!(door.refresh_gallery(bench.now).await.unwrap(), 1);
    let Look::Ride(ride) = look(&door, &bench, bench.now) else {
        panic!("not recognised");
    };
    door.told(&ride).unwrap();
    for acknowledged in [1, 0] {
        let uploaded = door.upload(bench.now.plus_s(60)).await.unwrap();
        assert_eq!((uploaded.acknowledged, uploaded.waiting), (acknowledged, 0));
    }
    assert_eq!(bench.rides().await.len(), 1);
    let chains = bench
        .acquirer()
        .at(bench.now)
        .chains_view()
        .await
        .unwrap()
        .chains;
    assert_eq!((chains.len(), chains[0].tip), (1, 1), "{chains:?}");
    drop(door);

    // Nobody answers at this address.
    let deaf = Client::new("http://127.0.0.1:9");
    let door = bench.face_door(&medium, &gallery, deaf);
    let later = bench.now.plus_s(3600);
    assert!(door.refresh_gallery(later).await.is_err());
    assert!(matches!(look(&door, &bench, later), Look::Ride(_)));
    let end = bench.now.plus_s(GALLERY_AGE_MAX_S);
    assert!(door.refresh_gallery(end).await.is_err());
    assert_eq!(door.riders(), 0, "gone although nobody answered");
    let at_rest = gallery.0.lock().unwrap().clone().unwrap();
    assert!(at_rest.len() < 100, "at rest too");
    drop(door);

    let door = bench.face_door(&medium, &gallery, bench.acquirer().clone());
    assert_eq!(door.riders(), 0);
    assert_eq!(door.refresh_gallery(end).await.unwrap(), 1);
    assert_eq!(door.riders(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_withdraws_is_gone_from_the_disk_before_the_acquirer_is_told_so() {
    let bench = Bench::new("forgotten").await;
    bench.enrol().await;
    let (medium, gallery) = (SimMedium::new(), SimGallery::default());
    let door = bench.face_door(&medium, &gallery, bench.acquirer().clone());
    door.refresh_gallery(bench.now).await.unwrap();
    let before = gallery.0.lock().unwrap().clone().unwrap().len();
    let account = bench.country.riders[0].account;
    let acquirer = bench.acquirer().at(bench.now);
    acquirer.face_withdraw(account).await.unwrap();
    let later = bench.now.plus_s(60);
    assert_eq!(door.refresh_gallery(later).await.unwrap(), 2);
    assert!(gallery.0.lock().unwrap().clone().unwrap().len() < before);
    assert_eq!(refusal(look(&door, &bench, later)), FaceRefusal::Unknown);
    let view = acquirer.face_view(account).await.unwrap();
    let states: Vec<_> = view.places.iter().map(|place| place.state).collect();
    assert_eq!(states, [tongtu_api::FacePlaceState::Forgotten]);
}
