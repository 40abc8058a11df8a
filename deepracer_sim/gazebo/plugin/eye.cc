#include "eye.hh"

#include <stdexcept>

#include <gazebo/rendering/ogre_gazebo.h>

namespace deepracer
{
namespace
{
constexpr std::uint32_t CARS = 0x10;  // the visibility flags of all that the cars are made of
}

Eye::Eye(const gazebo::physics::ModelPtr &model)
{
  for (const auto &candidate : gazebo::sensors::SensorManager::Instance()->GetSensors())
    for (const auto &each : model->GetLinks())
      if (candidate->Type() == "camera" && candidate->ParentName() == each->GetScopedName())
      {
        link = each;
        sensor = std::dynamic_pointer_cast<gazebo::sensors::CameraSensor>(candidate);
      }
  if (!sensor)
    throw std::runtime_error("model " + model->GetName() + " has no camera sensor");
  sensor->SetActive(false);
}

bool Eye::HideCar()
{
  const auto scene = gazebo::rendering::get_scene(link->GetWorld()->Name());
  const auto car = scene ? scene->GetVisual(link->GetModel()->GetScopedName()) : nullptr;
  if (!car)
    return false;
  car->SetVisibilityFlags(CARS);
  return true;
}

void Eye::Open()
{
  auto description = link->GetSDF()->GetElement("sensor");
  while (description->Get<std::string>("name") != sensor->Name())
    description = description->GetNextElement("sensor");
  camera = gazebo::rendering::get_scene(link->GetWorld()->Name())
               ->CreateCamera(link->GetScopedName() + "::eye", false);
  camera->SetCaptureData(true);
  camera->Load(description->GetElement("camera"));
  camera->Init();
  camera->CreateRenderTexture(camera->Name() + "_texture");
  // Gazebo 11 knows neither the camera's visibility_mask nor the visuals' visibility_flags.
  auto *viewport = camera->OgreViewport();
  viewport->setVisibilityMask(viewport->getVisibilityMask() & ~CARS);
}

void Eye::See(std::vector<unsigned char> &pictures)
{
  if (!camera)
    Open();
  camera->SetWorldPose(sensor->Pose() + link->WorldPose());
  camera->Render(true);
  camera->PostRender();
  const unsigned char *data = camera->ImageData();
  pictures.insert(pictures.end(), data, data + 3 * Width() * Height());
}
}  // namespace deepracer
